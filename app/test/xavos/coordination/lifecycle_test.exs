defmodule Xavos.Coordination.LifecycleTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, WorkItem}

  @system [authorize?: false]

  # From each state, what can be done with an item, and where that leads.
  @ways %{
    pending: %{assign: :claimed, cancel: :cancelled},
    claimed: %{
      start: :in_progress,
      block: :blocked,
      complete: :completed,
      fail: :failed,
      cancel: :cancelled,
      release: :pending
    },
    in_progress: %{
      report_progress: :in_progress,
      block: :blocked,
      complete: :completed,
      fail: :failed,
      cancel: :cancelled,
      release: :pending
    },
    blocked: %{unblock: :in_progress, fail: :failed, cancel: :cancelled, release: :pending},
    completed: %{},
    failed: %{retry: :pending},
    cancelled: %{}
  }

  @actions ~w(assign start report_progress block unblock complete fail cancel release retry)a

  describe "an item that is" do
    for {status, ways} <- @ways, action <- @actions do
      case ways do
        %{^action => target} ->
          test "#{status} can #{action}, and is #{target} then" do
            item = in_status(unquote(status))
            assert {:ok, %{status: unquote(target)}} = act(item, unquote(action))
          end

        _none ->
          test "#{status} cannot #{action}" do
            %{id: id} = item = in_status(unquote(status))
            assert {:error, %Ash.Error.Invalid{} = error} = act(item, unquote(action))
            assert Exception.message(error) =~ ~r/no matching transition/i

            assert %{status: unquote(status)} = Coordination.get_work_item!(id, @system)
          end
      end
    end
  end

  test "every state and every action of an item is in the table above" do
    assert Enum.sort(Map.keys(@ways)) == Enum.sort(WorkItem.statuses())

    assert Enum.sort(@actions) ==
             WorkItem
             |> AshStateMachine.Info.state_machine_transitions()
             |> Enum.map(& &1.action)
             |> Enum.uniq()
             |> Enum.sort()
  end

  describe "what happens to an item" do
    test "is written down: who holds it, since when, and what came of it" do
      agent = agent()
      item = Coordination.assign_work_item!(work_item(), agent.id, @system)
      assert item.agent_id == agent.id
      assert DateTime.diff(DateTime.utc_now(), item.claimed_at) < 5

      item = Coordination.start_work_item!(item, @system)
      assert item.started_at
      item = Coordination.report_progress!(item, 40, @system)
      assert item.progress == 40

      item = Coordination.complete_work_item!(item, %{"answer" => 42}, @system)
      assert %{progress: 100, result: %{"answer" => 42}, finished_at: %DateTime{}} = item
    end

    test "is why it is blocked, until it is not" do
      item = Coordination.block_work_item!(in_status(:claimed), "No key", @system)
      assert item.reason == "No key"

      assert %{reason: nil, started_at: %DateTime{}} =
               Coordination.unblock_work_item!(item, @system)
    end

    test "is why it has failed; trying again begins anew" do
      item = Coordination.fail_work_item!(in_status(:in_progress), "No way", @system)
      assert %{reason: "No way", finished_at: %DateTime{}} = item

      assert %{reason: nil, finished_at: nil, agent_id: nil, progress: 0} =
               Coordination.retry_work_item!(item, @system)
    end

    test "progress is from 0 to 100" do
      item = in_status(:in_progress)

      for progress <- [-1, 101] do
        assert {:error, %Ash.Error.Invalid{}} =
                 Coordination.report_progress(item, progress, @system)
      end
    end

    test "a released item forgets its agent" do
      assert %{agent_id: nil, claimed_at: nil, started_at: nil, progress: 0} =
               Coordination.release_work_item!(in_status(:in_progress), @system)
    end

    test "is decided by what it is now, not by what somebody has read" do
      stale = in_status(:claimed)
      Coordination.complete_work_item!(stale, %{}, @system)
      assert {:error, %Ash.Error.Invalid{}} = Coordination.start_work_item(stale, @system)
    end

    test "is recorded" do
      item = in_status(:claimed)

      assert ["work_item.assign", "work_item.add"] =
               Coordination.list_events!(@system ++ [page: false])
               |> Enum.filter(&(&1.subject_id == item.work_item_id))
               |> Enum.map(& &1.kind)
    end
  end

  describe "an agent gets" do
    test "no more than it can hold" do
      agent = agent(capacity: 1)
      Coordination.assign_work_item!(work_item(), agent.id, @system)
      assert refused(work_item(), agent) =~ "has no room"
    end

    test "nothing while it is away" do
      for status <- [:maintenance, :offline] do
        agent = Coordination.set_agent_status!(agent(), status, @system)
        assert refused(work_item(), agent) =~ "takes no work"
      end
    end

    test "nothing that is for another team" do
      item = work_item(team_id: team().id)
      assert refused(item, agent()) =~ "is not of the team"
      assert refused(item, agent(team_id: team().id)) =~ "is not of the team"

      assert {:ok, _item} =
               Coordination.assign_work_item(item, agent(team_id: item.team_id).id, @system)
    end

    test "nothing that waits for other work" do
      first = work_item()
      item = work_item(depends_on: [first.work_item_id])
      agent = agent()
      assert refused(item, agent) =~ "waits for work"

      first
      |> Coordination.assign_work_item!(agent.id, @system)
      |> Coordination.complete_work_item!(%{}, @system)

      assert {:ok, _item} = Coordination.assign_work_item(item, agent.id, @system)
    end

    test "nothing where there is no such agent" do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.assign_work_item(work_item(), Ash.UUID.generate(), @system)
    end

    defp refused(item, agent) do
      assert {:error, error} = Coordination.assign_work_item(item, agent.id, @system)
      assert %{status: :pending} = Coordination.get_work_item!(item.id, @system)
      Exception.message(error)
    end
  end

  describe "an agent's workload" do
    test "is what it holds; it is busy when that is all that it can" do
      agent = agent(capacity: 2)
      one = Coordination.assign_work_item!(work_item(), agent.id, @system)
      assert %{workload: 1, status: :active} = now(agent)
      two = Coordination.assign_work_item!(work_item(), agent.id, @system)
      assert %{workload: 2, status: :busy} = now(agent)
      Coordination.complete_work_item!(one, %{}, @system)
      assert %{workload: 1, status: :active} = now(agent)
      Coordination.release_work_item!(two, @system)
      assert %{workload: 0, status: :idle} = now(agent)
    end

    for {action, held} <-
          [complete: false, fail: false, cancel: false, release: false] ++
            [start: true, block: true] do
      test "#{if held, do: "stays", else: "falls"} when an item is to #{action}" do
        agent = agent()
        item = Coordination.assign_work_item!(work_item(), agent.id, @system)
        assert {:ok, _item} = act(item, unquote(action))
        assert now(agent).workload == if(unquote(held), do: 1, else: 0)
      end
    end

    test "does not change when an item is cancelled that nobody held" do
      agent = agent()
      Coordination.cancel_work_item!(work_item(), @system)
      assert %{workload: 0} = now(agent)
    end

    test "falls, but the agent stays where it is, in maintenance" do
      agent = agent()
      item = Coordination.assign_work_item!(work_item(), agent.id, @system)
      Coordination.begin_maintenance!(now(agent), @system)
      Coordination.complete_work_item!(item, %{}, @system)
      assert %{workload: 0, status: :maintenance} = now(agent)
    end
  end

  # What can be done with an agent, from where, and where that leads.
  @agent_ways [
    activate: {[:registering, :busy, :idle, :maintenance, :offline], :active},
    begin_maintenance: {[:registering, :active, :busy, :idle, :offline], :maintenance},
    go_offline: {[:registering, :active, :busy, :idle, :maintenance], :offline},
    expire: {[:registering, :active, :busy, :idle], :offline}
  ]

  describe "an agent that is" do
    for {action, {sources, target}} <- @agent_ways,
        status <- [:registering, :active, :busy, :idle, :maintenance, :offline] do
      if status in sources do
        test "#{status} can #{action}, and is #{target} then" do
          agent = agent_in(unquote(status))
          assert {:ok, %Agent{status: unquote(target)}} = act_agent(agent, unquote(action))
        end
      else
        test "#{status} cannot #{action}" do
          agent = agent_in(unquote(status))
          assert {:error, %Ash.Error.Invalid{}} = act_agent(agent, unquote(action))
          assert %{status: unquote(status)} = now(agent)
        end
      end
    end

    for {status, target} <- [
          registering: :active,
          offline: :active,
          active: :active,
          busy: :busy,
          idle: :idle,
          maintenance: :maintenance
        ] do
      test "#{status} and heard of is #{target}" do
        agent = agent_in(unquote(status))

        assert {:ok, %Agent{status: unquote(target), last_heartbeat_at: %DateTime{}}} =
                 Coordination.heartbeat(agent, @system)
      end
    end
  end

  test "a status is set by hand only where a way leads" do
    agent = agent()
    assert {:error, %Ash.Error.Invalid{}} = Coordination.set_agent_status(agent, :busy, @system)
    assert {:ok, agent} = Coordination.set_agent_status(agent, :active, @system)
    assert {:ok, agent} = Coordination.set_agent_status(agent, :idle, @system)
    assert {:error, %Ash.Error.Invalid{}} = Coordination.set_agent_status(agent, :asleep, @system)
    assert {:ok, _agent} = Coordination.set_agent_status(agent, :offline, @system)
  end

  test "an agent that goes offline returns its work" do
    agent = agent(capacity: 3)
    items = for _ <- 1..3, do: Coordination.assign_work_item!(work_item(), agent.id, @system)

    assert {:ok, %Agent{status: :offline, workload: 0}} =
             Coordination.take_agent_offline(now(agent), @system)

    for item <- items do
      assert %{status: :pending, agent_id: nil} = Coordination.get_work_item!(item.id, @system)
    end
  end

  test "so does one whose status is set to offline by hand" do
    agent = agent()
    item = Coordination.assign_work_item!(work_item(), agent.id, @system)

    assert {:ok, %Agent{status: :offline, workload: 0}} =
             Coordination.set_agent_status(now(agent), :offline, @system)

    assert %{status: :pending, agent_id: nil} = Coordination.get_work_item!(item.id, @system)
  end

  test "an item that somebody holds cannot be removed, and the agent keeps it" do
    agent = agent()
    item = Coordination.assign_work_item!(work_item(), agent.id, @system)

    assert {:error, %Ash.Error.Invalid{} = error} = Coordination.remove_work_item(item, @system)
    assert Exception.message(error) =~ "is claimed: release or cancel it first"
    assert %{workload: 1} = now(agent)

    assert :ok =
             item
             |> Coordination.release_work_item!(@system)
             |> Coordination.remove_work_item(@system)

    assert %{workload: 0} = now(agent)
  end

  test "what is taken back is as new, however old what somebody has read of it" do
    read_before = Coordination.start_work_item!(in_status(:claimed), @system)
    Coordination.report_progress!(read_before, 50, @system)

    assert {:ok, %{progress: 0, started_at: nil, claimed_at: nil}} =
             Coordination.release_work_item(read_before, @system)
  end

  test "an item that goes on was begun when it was begun" do
    item = Coordination.start_work_item!(in_status(:claimed), @system)
    blocked = Coordination.block_work_item!(item, "?", @system)
    assert %{started_at: started_at} = Coordination.unblock_work_item!(blocked, @system)
    assert started_at == item.started_at

    # And one that was blocked before it was begun, begins then.
    assert %{started_at: %DateTime{}} =
             Coordination.unblock_work_item!(in_status(:blocked), @system)
  end

  defp in_status(:pending), do: work_item()

  defp in_status(:claimed),
    do: Coordination.assign_work_item!(work_item(), agent().id, @system)

  defp in_status(:in_progress), do: Coordination.start_work_item!(in_status(:claimed), @system)
  defp in_status(:blocked), do: Coordination.block_work_item!(in_status(:claimed), "?", @system)

  defp in_status(:completed),
    do: Coordination.complete_work_item!(in_status(:claimed), %{}, @system)

  defp in_status(:failed), do: Coordination.fail_work_item!(in_status(:claimed), "?", @system)
  defp in_status(:cancelled), do: Coordination.cancel_work_item!(work_item(), @system)

  defp act(item, :assign), do: Coordination.assign_work_item(item, agent().id, @system)
  defp act(item, :start), do: Coordination.start_work_item(item, @system)
  defp act(item, :report_progress), do: Coordination.report_progress(item, 10, @system)
  defp act(item, :block), do: Coordination.block_work_item(item, "Why", @system)
  defp act(item, :unblock), do: Coordination.unblock_work_item(item, @system)
  defp act(item, :complete), do: Coordination.complete_work_item(item, %{}, @system)
  defp act(item, :fail), do: Coordination.fail_work_item(item, "Why", @system)
  defp act(item, :cancel), do: Coordination.cancel_work_item(item, @system)
  defp act(item, :release), do: Coordination.release_work_item(item, @system)
  defp act(item, :retry), do: Coordination.retry_work_item(item, @system)

  defp agent_in(:registering), do: agent()

  defp agent_in(:busy) do
    agent = agent()
    Coordination.assign_work_item!(work_item(), agent.id, @system)
    now(agent)
  end

  defp agent_in(status) when status in [:active, :maintenance, :offline],
    do: Coordination.set_agent_status!(agent(), status, @system)

  defp agent_in(:idle),
    do: :active |> agent_in() |> Coordination.set_agent_status!(:idle, @system)

  defp act_agent(agent, :activate), do: Coordination.activate_agent(agent, @system)
  defp act_agent(agent, :begin_maintenance), do: Coordination.begin_maintenance(agent, @system)
  defp act_agent(agent, :go_offline), do: Coordination.take_agent_offline(agent, @system)

  defp act_agent(agent, :expire) do
    agent
    |> Ash.Seed.update!(%{last_heartbeat_at: DateTime.add(DateTime.utc_now(), -3_600, :second)})
    |> Coordination.expire_agent(@system)
  end

  defp now(agent), do: Coordination.get_agent!(agent.id, @system)
end
