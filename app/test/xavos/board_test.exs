defmodule Xavos.BoardTest do
  # What the board says while many work, on real connections.
  use Xavos.RealDatabase

  import Xavos.Factory

  alias Xavos.{Board, Coordination, Scrum}
  alias Xavos.Coordination.Snapshot
  alias Xavos.Repo

  @moduletag connections: 16

  @system [authorize?: false]
  @workers 6
  @readings 30
  @shown 6

  test "its numbers are of one moment, whatever happens meanwhile" do
    {agents, count} = {for(_ <- 1..@workers, do: worker()), @workers * 2}
    for _ <- 1..count, do: work_item()
    reader = reader()
    stop = :counters.new(1, [])

    working = Task.async(with_database(fn -> at_once(agents, &keep_changing(&1, stop)) end))
    boards = for _ <- 1..@readings, do: Board.read!(reader)
    :counters.add(stop, 1, 1)
    Task.await(working, :infinity)

    for board <- boards do
      total = board.scrum.total
      held = total.claimed + total.in_progress + total.blocked

      # Nothing is counted twice, and nothing is missed.
      assert total.pending + held + total.completed + total.failed + total.cancelled == count
      assert board.columns |> Enum.map(& &1.count) |> Enum.sum() == count
      # What agents hold is what somebody holds.
      assert total.workload == held
      assert board.agents |> Enum.map(& &1.workload) |> Enum.sum() == held
      assert total.agents == length(board.agents)
      # What is counted is there to be seen.
      for column <- board.columns, do: assert(length(column.items) == min(column.count, @shown))
      shown = Enum.flat_map(board.columns, & &1.items)
      assert length(Enum.uniq_by(shown, & &1.id)) == length(shown)
    end

    # They did work meanwhile: it was not one moment all the time.
    assert boards |> Enum.uniq_by(& &1.scrum.total) |> length() > 1
  end

  test "the figures of teams are of one moment as well" do
    team = team()
    for _ <- 1..4, do: work_item(team_id: team.id)
    agents = for _ <- 1..4, do: worker(team_id: team.id)
    stop = :counters.new(1, [])
    working = Task.async(with_database(fn -> at_once(agents, &keep_changing(&1, stop)) end))
    summaries = for _ <- 1..@readings, do: Scrum.summary()
    :counters.add(stop, 1, 1)
    Task.await(working, :infinity)
    for %{total: total, teams: [team]} <- summaries, do: assert(team.figures == total)
  end

  test "what is read in a snapshot does not see what is committed meanwhile, and nothing is written" do
    work_item()

    seen =
      Snapshot.read(fn ->
        before = Ash.count!(Coordination.WorkItem, @system)
        at_once([1], fn _ -> work_item() end)
        {before, Ash.count!(Coordination.WorkItem, @system)}
      end)

    assert seen == {1, 1}
    assert Ash.count!(Coordination.WorkItem, @system) == 2

    assert_raise Postgrex.Error, ~r/read-only/, fn ->
      Snapshot.read(fn -> Repo.query!("DELETE FROM work_items") end)
    end
  end

  # Claims, begins, blocks, unblocks and gives back, over and over.
  defp keep_changing(agent, stop) do
    if :counters.get(stop, 1) == 0 do
      with {:ok, %{} = item} <- Coordination.claim_next(agent.agent_id, %{}, @system) do
        item
        |> Coordination.start_work_item!(@system)
        |> Coordination.block_work_item!("waits", @system)
        |> Coordination.release_work_item!(@system)
      end

      keep_changing(agent, stop)
    end
  end

  defp worker(attributes \\ []),
    do: attributes |> agent() |> Coordination.activate_agent!(@system)

  # Nobody in the database: policies look at the role.
  defp reader, do: struct!(Xavos.Accounts.User, id: Ash.UUID.generate(), role: :viewer)
end
