defmodule Xavos.Coordination.ClaimingTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.{Rank, WorkItem}

  require Ash.Query

  describe "the best item" do
    test "is the most urgent" do
      for {name, priority} <- [a: :medium, b: :critical, c: :low, d: :high],
          do: work_item(work_item_id: to_string(name), priority: priority)

      agent = worker(capacity: 4)
      assert ["b", "d", "a", "c"] = for(_claim <- 1..4, do: claim(agent).work_item_id)
    end

    test "is the oldest of the same priority" do
      for name <- ~w(a b c), do: work_item(work_item_id: name)
      agent = worker(capacity: 3)
      assert ["a", "b", "c"] = for(_claim <- 1..3, do: claim(agent).work_item_id)
    end

    test "is the agent's team's, where that weighs more" do
      team = team(weight: 10)
      work_item(work_item_id: "nobodys")
      work_item(work_item_id: "ours", team_id: team.id)
      assert %{work_item_id: "ours"} = claim(worker(team_id: team.id))
    end

    test "is nobody's, where that has waited longer" do
      team = team()
      work_item(work_item_id: "nobodys")
      work_item(work_item_id: "ours", team_id: team.id)
      assert %{work_item_id: "nobodys"} = claim(worker(team_id: team.id))
    end

    test "is low, where it has waited longer than anything can be moved back" do
      old(%{work_item_id: "low", priority: :low}, Rank.patience() + 60)
      work_item(priority: :critical, team_id: team(weight: 100).id)
      work_item(priority: :critical)
      assert %{work_item_id: "low"} = claim(worker())
    end

    test "is there again after it was released, before what came later" do
      work_item(work_item_id: "first")
      work_item(work_item_id: "second")
      item = claim(worker())
      Coordination.release_work_item!(item, authorize?: false)
      assert %{work_item_id: "first"} = claim(worker())
    end

    test "is not there when nothing waits" do
      assert nil == claim(worker())
    end
  end

  test "what waits only for what was cancelled can be had" do
    first = work_item()
    work_item(depends_on: [first.work_item_id], work_item_id: "SECOND")
    Coordination.cancel_work_item!(first, authorize?: false)
    assert %{work_item_id: "SECOND"} = claim(worker())
  end

  describe "an agent gets nothing" do
    test "of another team" do
      work_item(team_id: team().id)
      assert nil == claim(worker(team_id: team().id))
    end

    test "of any team, where it belongs to none" do
      work_item(team_id: team().id)
      assert nil == claim(worker())
    end

    test "that waits for something" do
      for status <- [:pending, :failed] do
        first = work_item(priority: :low)
        work_item(depends_on: [first.work_item_id], priority: :critical)
        become(first, status)
      end

      # What is pending itself may be had.
      assert %{priority: :low} = claim(worker())
      assert nil == claim(worker())
    end

    test "that somebody else has" do
      work_item()
      assert claim(worker())
      assert nil == claim(worker())
    end

    test "of types that it did not ask for" do
      work_item(type: "bug", work_item_id: "B", priority: :low)
      work_item(type: "feature", priority: :critical)
      agent = worker(capacity: 2)

      assert %{work_item_id: "B"} =
               Coordination.claim_next!(agent.agent_id, %{types: ["bug", "chore"]},
                 authorize?: false
               )

      assert nil == Coordination.claim_next!(agent.agent_id, %{types: ["bug"]}, authorize?: false)
    end

    test "while it is away" do
      work_item()

      for status <- [:offline, :maintenance] do
        assert error(worker() |> with_status(status)) =~ "is #{status} and takes no work"
      end
    end

    test "while it has no room" do
      for _item <- 1..3, do: work_item()
      agent = worker(capacity: 2)
      assert claim(agent)
      assert claim(agent)
      assert error(agent) =~ "has no room: it holds 2 of 2"
    end

    test "while nobody knows it" do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.claim_next("nobody", %{}, authorize?: false)
    end
  end

  test "what waits for something can be had when that is completed" do
    first = work_item(work_item_id: "first")
    work_item(work_item_id: "second", depends_on: ["first"])
    agent = worker()
    assert %{work_item_id: "first"} = item = claim(agent)
    complete(item)
    assert reload(first).status == :completed
    assert %{work_item_id: "second"} = claim(agent)
  end

  test "a claimed item is the agent's, and the agent has one more" do
    work_item()
    agent = worker(capacity: 2)
    assert %WorkItem{status: :claimed, claimed_at: %DateTime{}} = item = claim(agent)
    assert item.agent_id == agent.id
    assert %{workload: 1} = Coordination.get_agent!(agent.id, authorize?: false)
  end

  test "a claim is recorded" do
    item = work_item()
    actor = %{email: "someone@example.org"}
    agent = worker()
    assert claim(agent, actor: actor)

    assert [
             %{
               kind: "work_item.claim",
               actor: "someone@example.org",
               data: %{"status" => "claimed"}
             }
           ] =
             Coordination.list_events!(
               query: [filter: [subject_id: item.work_item_id, kind: [not_eq: "work_item.add"]]],
               authorize?: false,
               page: false
             )
  end

  describe "a batch" do
    test "is as much as was asked for, the best first" do
      for {name, priority} <- [a: :low, b: :high, c: :medium],
          do: work_item(work_item_id: to_string(name), priority: priority)

      assert ["b", "c"] = batch(worker(capacity: 9), 2)
    end

    test "is no more than there is room for" do
      for _item <- 1..5, do: work_item()
      agent = worker(capacity: 3)
      assert [_, _] = batch(agent, 2)
      assert [_] = batch(agent, 5)
      assert %{workload: 3} = Coordination.get_agent!(agent.id, authorize?: false)
    end

    test "is empty when nothing waits" do
      assert [] = batch(worker(capacity: 5), 5)
    end

    test "has nothing that waits for something else in it" do
      work_item(work_item_id: "first")
      work_item(work_item_id: "second", depends_on: ["first"])
      assert ["first"] = batch(worker(capacity: 5), 5)
    end
  end

  test "an item knows whether it is ready, and how long it took" do
    first = work_item()
    second = work_item(depends_on: [first.work_item_id])
    assert [true, false] = for(item <- [first, second], do: load(item, :ready?))
    assert nil == load(first, :cycle_time)
    complete(claim(worker()))
    assert [false, true] = for(item <- [first, second], do: load(item, :ready?))
    assert_in_delta load(first, :cycle_time), 0, 5
  end

  # --- helpers ---

  defp worker(attributes \\ []), do: attributes |> agent() |> with_status(:active)

  defp with_status(agent, status) do
    # As the database has it, whatever the ways are that lead there.
    Ash.Seed.update!(agent, %{status: status})
  end

  defp claim(agent, options \\ []),
    do: Coordination.claim_next!(agent.agent_id, %{}, [authorize?: false] ++ options)

  defp batch(agent, limit) do
    agent.agent_id
    |> Coordination.claim_batch!(limit, %{}, authorize?: false)
    |> Enum.map(& &1.work_item_id)
  end

  defp error(agent) do
    assert {:error, %Ash.Error.Invalid{} = error} =
             Coordination.claim_next(agent.agent_id, %{}, authorize?: false)

    Exception.message(error)
  end

  defp complete(item), do: Coordination.complete_work_item!(item, %{}, authorize?: false)

  defp become(_item, :pending), do: :ok
  defp become(item, status), do: Ash.Seed.update!(item, %{status: status})

  # As if it had been added so many seconds ago.
  defp old(attributes, seconds) do
    Map.merge(%{description: "Old"}, attributes)
    |> Map.put(:state, %{inserted_at: DateTime.add(DateTime.utc_now(), -seconds, :second)})
    |> then(&Ash.create!(WorkItem, &1, action: :restore, authorize?: false))
  end

  defp reload(item), do: Coordination.get_work_item!(item.id, authorize?: false)

  defp load(item, name), do: item |> Ash.load!(name, authorize?: false) |> Map.fetch!(name)
end
