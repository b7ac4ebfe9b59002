defmodule Xavos.Coordination.ExpiryTest do
  use Xavos.DataCase, async: true
  use Oban.Testing, repo: Xavos.Repo

  import Xavos.Factory

  alias AshOban.Test, as: Jobs
  alias Xavos.Coordination
  alias Xavos.Coordination.Agent
  alias Xavos.Repo

  @system [authorize?: false]

  test "an agent that is heard of stays, and so does its work" do
    {agent, item} = holding()
    Coordination.heartbeat!(agent, @system)
    run_jobs()
    assert %{status: :busy} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :claimed} = Coordination.get_work_item!(item.id, @system)
  end

  test "an agent that is not heard of any more goes offline, and its work returns" do
    {agent, item} = holding()
    silent(agent)
    assert %{success: 2} = run_jobs()
    assert %{status: :offline, workload: 0} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :pending, agent_id: nil} = Coordination.get_work_item!(item.id, @system)
  end

  test "so does one that has registered, was given work, and is not heard of" do
    {agent, item} = holding()
    set(agent, "status = 'registering', last_heartbeat_at = now() - interval '1 hour'")
    run_jobs()
    assert %{status: :offline, workload: 0} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :pending, agent_id: nil} = Coordination.get_work_item!(item.id, @system)
  end

  test "so does one that was never heard of" do
    {agent, item} = holding()
    set(agent, "last_heartbeat_at = NULL, inserted_at = now() - interval '1 hour'")
    run_jobs()
    assert %{status: :offline} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :pending} = Coordination.get_work_item!(item.id, @system)
  end

  test "its work returns once, however many look" do
    {agent, item} = holding()
    silent(agent)
    for _ <- 1..3, do: run_jobs()
    assert 1 = count("agent.expire", agent.agent_id)
    assert 1 = count("work_item.release", item.work_item_id)
  end

  test "a job that comes twice does nothing the second time" do
    {agent, item} = holding()
    silent(agent)
    stale = Coordination.get_agent!(agent.id, @system)
    AshOban.run_trigger(stale, :expire_stale)
    Coordination.expire_agent!(stale, @system)
    run_jobs()
    assert 1 = count("work_item.release", item.work_item_id)
  end

  test "one that was heard of since somebody found it silent stays, and so does its work" do
    {agent, item} = holding()
    silent(agent)
    found = Coordination.get_agent!(agent.id, @system)
    Coordination.heartbeat!(found, @system)
    assert {:error, %Ash.Error.Invalid{}} = Coordination.expire_agent(found, @system)
    assert %{status: :busy, workload: 1} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :claimed} = Coordination.get_work_item!(item.id, @system)
    assert 0 = count("agent.expire", agent.agent_id)
  end

  test "work that another agent has claimed since stays with it" do
    {agent, item} = holding()
    silent(agent)
    run_jobs()
    other = agent()

    Coordination.get_work_item!(item.id, @system)
    |> Coordination.assign_work_item!(other.id, @system)

    run_jobs()
    assert %{agent_id: id} = Coordination.get_work_item!(item.id, @system)
    assert id == other.id
  end

  test "an agent in maintenance is left alone" do
    {agent, item} = holding()
    Coordination.begin_maintenance!(agent, @system)
    silent(agent)
    run_jobs()
    assert %{status: :maintenance} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :claimed} = Coordination.get_work_item!(item.id, @system)
  end

  test "an agent that was taken for gone works again when it is heard of" do
    {agent, _item} = holding()
    silent(agent)
    run_jobs()

    assert %{status: :active} =
             agent.id |> Coordination.get_agent!(@system) |> Coordination.heartbeat!(@system)
  end

  test "whether an agent is stale can be asked" do
    agent = agent() |> Coordination.activate_agent!(@system)
    refute Ash.load!(agent, :stale?, @system).stale?
    silent(agent)
    assert Ash.load!(agent, :stale?, @system).stale?
  end

  test "it is looked at every minute, in a queue of its own" do
    config =
      AshOban.config(
        Application.fetch_env!(:xavos, :ash_domains),
        Application.fetch_env!(:xavos, Oban)
      )

    {Oban.Plugins.Cron, cron} = List.keyfind(config[:plugins], Oban.Plugins.Cron, 0)

    assert [{"* * * * *", Agent.Workers.ScheduleExpireStale, _options}] = cron[:crontab]
    assert config[:queues][:agents] > 0
  end

  defp holding do
    agent = agent()
    item = Coordination.assign_work_item!(work_item(), agent.id, @system)
    {agent.id |> Coordination.get_agent!(@system) |> Coordination.heartbeat!(@system), item}
  end

  defp run_jobs, do: Jobs.schedule_and_run_triggers({Agent, :expire_stale})

  defp silent(agent), do: set(agent, "last_heartbeat_at = now() - interval '1 hour'")

  defp set(agent, change),
    do: Repo.query!("UPDATE agents SET #{change} WHERE id = $1", [Ecto.UUID.dump!(agent.id)])

  defp count(kind, subject) do
    Coordination.list_events!(@system ++ [page: false])
    |> Enum.count(&(&1.kind == kind and &1.subject_id == subject))
  end
end
