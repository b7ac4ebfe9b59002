defmodule Xavos.SwarmTest do
  # Not async: the agents of a swarm are processes, which share the connection of the test.
  use Xavos.DataCase, async: false

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.WorkItem
  alias Xavos.Swarm

  require Ash.Query

  @system [authorize?: false]
  @small [agents: 5, items: 30, teams: 3, work_ms: 0..1, seed: 7]

  test "works through everything, and says so" do
    assert %{
             items: 30,
             completed: 30,
             lost: 0,
             claimed_twice: 0,
             agents: 5,
             crashed: 0,
             timed_out: false
           } =
             summary = Swarm.run(@small)

    assert Swarm.ok?(summary)
    assert summary.claims == 30 + summary.failed
    assert Swarm.to_text(summary) =~ "30 of 30 completed, 0 lost, 0 claimed twice"
    assert Swarm.to_text(summary) =~ "nothing was lost, nothing was done twice"
  end

  test "leaves its agents offline and without work" do
    Swarm.run(@small)
    assert [_, _, _, _, _] = agents = Coordination.list_agents!(@system)
    assert Enum.all?(agents, &(&1.status == :offline and &1.workload == 0))
  end

  test "leaves the work of others alone" do
    other = work_item(priority: :critical)
    assert Swarm.ok?(Swarm.run(@small))
    assert %{status: :pending} = Coordination.get_work_item!(other.id, @system)
  end

  test "has items that wait for others, of several teams and of nobody" do
    Swarm.run(@small)
    items = WorkItem |> Ash.Query.load([:team, :depends_on]) |> Ash.read!(@system)
    assert Enum.any?(items, &(&1.depends_on != []))

    assert ["swarm-1", "swarm-2", "swarm-3"] --
             (items |> Enum.map(&(&1.team && &1.team.name)) |> Enum.uniq()) == []

    assert Enum.any?(items, &is_nil(&1.team))
  end

  test "uses its teams again, and the same seed for the same items" do
    priorities = fn ->
      Swarm.run(@small)

      [newest | _] =
        Coordination.list_work_items!(@system ++ [page: false])
        |> Enum.sort_by(& &1.inserted_at, {:desc, DateTime})

      WorkItem
      |> Ash.Query.filter(type == ^newest.type)
      |> Ash.Query.sort(:work_item_id)
      |> Ash.read!(@system)
      |> Enum.map(&{&1.priority, &1.team_id})
    end

    assert priorities.() == priorities.()

    assert ["swarm", "swarm-1", "swarm-2", "swarm-3"] =
             Enum.map(Coordination.list_teams!(@system), & &1.name)
  end

  test "gives up when time is over, and says so" do
    summary = Swarm.run(Keyword.merge(@small, work_ms: 300..300, timeout: 1))
    assert summary.timed_out
    assert summary.lost > 0
    refute Swarm.ok?(summary)
    assert Swarm.to_text(summary) =~ "given up"
  end

  test "one agent and one item are a swarm, too" do
    assert Swarm.ok?(Swarm.run(agents: 1, items: 1, work_ms: 0..0))
  end
end
