defmodule Xavos.Coordination.ClaimingAtOnceTest do
  # Claims of many at once, on real connections. How many is said by XAVOS_SWARM (AGENTSxITEMS); the promise is made for
  # 64x10000.
  use Xavos.RealDatabase

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.{Dependencies, Rank, WorkItem}
  alias Xavos.Repo

  require Ash.Query

  @moduletag :swarm
  @moduletag connections: 64
  @moduletag timeout: :infinity

  @system [authorize?: false]

  {agents, items} =
    case System.get_env("XAVOS_SWARM", "64x500")
         |> String.split("x")
         |> Enum.map(&String.to_integer/1) do
      [agents, items] -> {agents, items}
    end

  @agents agents
  @items items

  test "#{agents} agents complete #{items} items: none twice, none lost, none too early" do
    teams = for number <- 1..4, do: team(weight: number * 10)
    agents = workers(@agents, teams, fn number -> rem(number, 3) + 1 end)
    items(@items, teams)
    depend(@items)

    done = :ets.new(:done, [:public, :set])
    left = :counters.new(1, [])
    :counters.add(left, 1, @items)

    at_once(agents, &work_through(&1, done, left))

    # None twice: each completion was the first of its item (`work_through`), and so was each claim.
    assert @items ==
             Coordination.list_events!(@system ++ [page: false])
             |> Enum.count(&(&1.kind == "work_item.claim"))

    # None lost.
    assert @items == Ash.count!(Ash.Query.filter(WorkItem, status == :completed), @system)
    # Nobody holds anything, and the counts say so.
    assert Enum.all?(Coordination.list_agents!(@system), &(&1.workload == 0))

    # None too early: what an item waited for was finished before it was claimed.
    items = Ash.read!(Ash.Query.load(WorkItem, :depends_on), @system)

    for item <- items, other <- item.depends_on do
      assert DateTime.compare(other.finished_at, item.claimed_at) in [:lt, :eq]
    end

    # Each was for whoever had it.
    agents = Map.new(Coordination.list_agents!(@system), &{&1.id, &1})
    for item <- items, do: assert(item.team_id in [nil, agents[item.agent_id].team_id])
  end

  test "an agent never holds more than it can, however often it asks at once" do
    items(60, [])
    [agent] = workers(1, [nil], fn _number -> 7 end)

    claimed =
      at_once(1..30, fn _try -> Coordination.claim_next(agent.agent_id, %{}, @system) end)
      |> Enum.filter(&match?({:ok, %WorkItem{}}, &1))

    assert length(claimed) == 7
    assert claimed |> Enum.uniq_by(fn {:ok, item} -> item.id end) |> length() == 7
    assert %{workload: 7} = Coordination.get_agent!(agent.id, @system)
    assert 7 == Ash.count!(Ash.Query.filter(WorkItem, agent_id == ^agent.id), @system)
  end

  test "one item is for one of many" do
    items(1, [])
    agents = workers(@agents, [nil], fn _number -> 1 end)

    claims = at_once(agents, &Coordination.claim_next!(&1.agent_id, %{}, @system))
    assert [%WorkItem{}] = Enum.reject(claims, &is_nil/1)
  end

  test "what others have just locked is passed over, and nobody waits for it" do
    items(2, [])
    [holder, other] = workers(2, [nil], fn _number -> 1 end)
    test = self()

    holding =
      spawn_link(
        with_database(fn ->
          Ash.transact(WorkItem, fn ->
            send(test, {:held, Coordination.claim_next!(holder.agent_id, %{}, @system)})
            assert_receive :let_go, 60_000
          end)

          send(test, :let_go)
        end)
      )

    assert_receive {:held, %WorkItem{} = held}, 10_000

    claiming =
      Task.async(with_database(fn -> Coordination.claim_next!(other.agent_id, %{}, @system) end))

    # Whoever waits for the lock has no answer before it is let go.
    answer = Task.yield(claiming, 10_000)
    send(holding, :let_go)
    assert_receive :let_go, 10_000

    assert {:ok, %WorkItem{} = claimed} = answer
    assert claimed.id != held.id
  end

  test "batches do not overlap" do
    items(120, [])
    agents = workers(16, [nil], fn _number -> 10 end)

    claimed =
      agents
      |> at_once(&Coordination.claim_batch!(&1.agent_id, 10, %{}, @system))
      |> List.flatten()

    assert length(claimed) == 120
    assert claimed |> Enum.uniq_by(& &1.id) |> length() == 120
  end

  test "a low item that waits long enough is claimed while critical ones keep coming" do
    low =
      Ash.create!(
        WorkItem,
        %{
          work_item_id: "LOW",
          description: "Waits",
          priority: :low,
          # In a few items' time it has waited longer than anything new can be moved back.
          state: %{inserted_at: DateTime.add(DateTime.utc_now(), -(Rank.patience() - 1), :second)}
        },
        @system ++ [action: :restore]
      )

    weighty = team(weight: 100)
    agents = workers(8, [weighty], fn _number -> 1 end)
    stop = :counters.new(1, [])

    # Always more critical work of the weightiest team than is done.
    feeder = fn ->
      Stream.repeatedly(fn ->
        if Ash.count!(Ash.Query.filter(WorkItem, status == :pending), @system) < 20,
          do: for(_item <- 1..10, do: work_item(priority: :critical, team_id: weighty.id))
      end)
      |> Enum.find(fn _fed -> :counters.get(stop, 1) > 0 end)
    end

    work = fn agent ->
      Stream.repeatedly(fn -> claim_and_complete(agent) end)
      |> Enum.find(fn item ->
        if item && item.id == low.id, do: :counters.add(stop, 1, 1)
        :counters.get(stop, 1) > 0
      end)
    end

    at_once([feeder | Enum.map(agents, fn agent -> fn -> work.(agent) end end)], & &1.())
    assert %{status: :completed} = Coordination.get_work_item!(low.id, @system)

    assert Ash.count!(
             Ash.Query.filter(WorkItem, status == :completed and priority == :critical),
             @system
           ) > 0
  end

  test "agents that are killed while they claim leave nothing half done" do
    items(300, [])
    agents = workers(16, [nil], fn _number -> 20 end)

    for agent <- agents do
      {pid, reference} =
        spawn_monitor(
          with_database(fn ->
            for _claim <- 1..20, do: Coordination.claim_next!(agent.agent_id, %{}, @system)
          end)
        )

      {pid, reference}
    end
    |> Enum.each(fn {pid, reference} ->
      Process.sleep(Enum.random(0..15))
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^reference, :process, ^pid, _reason}, 5_000
    end)

    # What is claimed is held by somebody, counted, and recorded: or it is none of these.
    wait_until_over()

    held =
      Ash.read!(Ash.Query.filter(WorkItem, status == :claimed), @system)
      |> Enum.frequencies_by(& &1.agent_id)

    for agent <- Coordination.list_agents!(@system),
        do: assert(agent.workload == Map.get(held, agent.id, 0))

    assert held |> Map.values() |> Enum.sum() ==
             Coordination.list_events!(@system ++ [page: false])
             |> Enum.count(&(&1.kind == "work_item.claim"))

    # And the rest can be had by others.
    [agent | _] = agents = workers(4, [nil], fn _number -> 100 end)
    assert Coordination.claim_next!(agent.agent_id, %{}, @system)
    at_once(agents, &Coordination.claim_batch!(&1.agent_id, 100, %{}, @system))
    assert 0 == Ash.count!(Ash.Query.filter(WorkItem, status == :pending), @system)
  end

  test "an item that is given a dependency at this moment is not claimed" do
    [agent] = workers(1, [nil], fn _number -> 5 end)
    other = work_item(team_id: team().id)
    item = work_item()
    test = self()

    adding =
      spawn_link(
        with_database(fn ->
          Ash.transact(WorkItem, fn ->
            Coordination.add_dependency!(item.id, other.id, @system)
            send(test, :added)
            assert_receive :commit, 5_000
          end)

          send(test, :committed)
        end)
      )

    assert_receive :added, 5_000
    assert nil == Coordination.claim_next!(agent.agent_id, %{}, @system)
    send(adding, :commit)
    assert_receive :committed, 5_000
    assert nil == Coordination.claim_next!(agent.agent_id, %{}, @system)
  end

  test "the weight of a team that changes while work is added is in all its ranks" do
    team = team(weight: 0)

    at_once(1..40, fn number ->
      if rem(number, 10) == 0 do
        Coordination.get_team!(team.id, @system)
        |> Coordination.update_team!(%{weight: number}, @system)
      else
        work_item(team_id: team.id)
      end
    end)

    %{weight: weight} = Coordination.get_team!(team.id, @system)

    for item <- Coordination.list_work_items!(@system ++ [page: false]) do
      assert item.rank == Rank.of(item.inserted_at, item.priority, weight)
    end
  end

  test "a team's weight changes while its work is completed, and nobody waits for each other" do
    team = team(weight: 0)
    items(120, [team])
    depend(120)
    agents = workers(8, [team], fn _number -> 3 end)
    done = :ets.new(:done, [:public, :set])
    left = :counters.new(1, [])
    :counters.add(left, 1, 120)

    weigher = fn ->
      for weight <- 1..30 do
        Coordination.get_team!(team.id, @system)
        |> Coordination.update_team!(%{weight: weight}, @system)
      end
    end

    at_once([weigher | agents], fn
      weigher when is_function(weigher) -> weigher.()
      agent -> work_through(agent, done, left)
    end)

    assert 120 == Ash.count!(Ash.Query.filter(WorkItem, status == :completed), @system)
  end

  test "of two dependencies that make a circle together, one is refused" do
    for _ <- 1..10 do
      [one, other] = [work_item(), work_item()]

      outcomes =
        at_once([{one, other}, {other, one}], fn {item, on} ->
          Coordination.add_dependency(item.id, on.id, @system)
        end)

      assert [{:error, error}] = Enum.filter(outcomes, &match?({:error, _}, &1))
      assert Exception.message(error) =~ "would lead back to itself"
    end
  end

  test "the index is used" do
    items(2_000, for(_team <- 1..4, do: team()))
    Repo.query!("ANALYZE work_items")

    # As `Actions.Claim` asks.
    {:ok, query} =
      WorkItem
      |> Ash.Query.filter(ready? and (is_nil(team_id) or team_id == ^team().id))
      |> Ash.Query.sort(rank: :asc, id: :asc)
      |> Ash.Query.limit(1)
      |> Ash.Query.lock("FOR UPDATE SKIP LOCKED")
      |> Ash.Query.data_layer_query()

    plan = Repo.explain(:all, query, plan: :generic)
    assert plan =~ "work_items_ready_by_rank"
    refute plan =~ "Sort"
  end

  # --- helpers ---

  defp workers(count, teams, capacity) do
    teams = if teams == [], do: [nil], else: teams

    for number <- 1..count do
      team = Enum.at(teams, rem(number, length(teams)))

      agent(capacity: capacity.(number), team_id: team && team.id)
      |> Ash.Seed.update!(%{status: :active})
    end
  end

  # Rows at once; what is looked at here is how they are claimed.
  defp items(count, teams) do
    now = DateTime.utc_now()

    1..count
    |> Enum.map(fn number ->
      team = Enum.at([nil | teams], rem(number, length(teams) + 1))
      priority = Enum.at(WorkItem.priorities(), rem(number, 4))
      inserted_at = DateTime.add(now, number, :millisecond)

      %{
        id: Ash.UUID.generate(),
        work_item_id: "W-#{number}",
        type: "task",
        description: "To be claimed",
        priority: priority,
        status: :pending,
        progress: 0,
        team_id: team && team.id,
        rank: Rank.of(inserted_at, priority, if(team, do: team.weight, else: 0)),
        inserted_at: inserted_at,
        updated_at: inserted_at
      }
    end)
    |> Enum.chunk_every(1_000)
    |> Enum.each(&Repo.insert_all(WorkItem, &1))
  end

  # Every fifth waits for the two before it.
  defp depend(count) do
    ids = WorkItem |> Ash.read!(@system) |> Map.new(&{&1.work_item_id, &1.id})

    for number <- 5..count//5, before <- 1..2 do
      %{
        work_item_id: ids["W-#{number}"],
        depends_on_id: ids["W-#{number - before}"],
        inserted_at: DateTime.utc_now()
      }
    end
    |> Enum.chunk_every(1_000)
    |> Enum.each(&Repo.insert_all(Coordination.WorkItemDependency, &1))

    Dependencies.count_all()
  end

  defp work_through(agent, done, left) do
    cond do
      :counters.get(left, 1) <= 0 ->
        :ok

      item = claim_and_complete(agent) ->
        assert :ets.insert_new(done, {item.id})
        :counters.sub(left, 1, 1)
        work_through(agent, done, left)

      true ->
        Process.sleep(Enum.random(1..10))
        work_through(agent, done, left)
    end
  end

  defp claim_and_complete(agent) do
    if item = Coordination.claim_next!(agent.agent_id, %{}, @system) do
      Coordination.complete_work_item!(item, %{}, @system)
      item
    end
  end

  # A killed client's transaction is over, one way or the other, when the server has noticed.
  defp wait_until_over do
    %{rows: [[open]]} =
      Repo.query!("""
      SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'
        AND pid <> pg_backend_pid()
      """)

    if open > 0 do
      Process.sleep(20)
      wait_until_over()
    end
  end
end
