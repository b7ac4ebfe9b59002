defmodule Xavos.Coordination.ExpiryAtOnceTest do
  # A heartbeat and the look for silent agents in the same instant, on real connections.
  use Xavos.RealDatabase

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Repo

  @system [authorize?: false]

  test "a heartbeat that is on its way when the agent is found silent keeps it" do
    {agent, item} = silent_with_work()
    test = self()

    heartbeat =
      Task.async(
        with_database(fn ->
          Repo.transaction(fn ->
            Coordination.heartbeat!(agent, @system)
            send(test, :beaten)
            receive do: (:commit -> :ok)
          end)
        end)
      )

    assert_receive :beaten, 5_000

    # Nobody sees the heartbeat yet: whoever looks finds the agent silent, and has to wait for its row.
    expiry = Task.async(with_database(fn -> Coordination.expire_agent(agent, @system) end))
    wait_for_a_lock()
    send(heartbeat.pid, :commit)

    assert {:ok, _committed} = Task.await(heartbeat)
    assert {:error, %Ash.Error.Invalid{}} = Task.await(expiry)
    assert %{status: :busy, workload: 1} = Coordination.get_agent!(agent.id, @system)
    assert %{status: :claimed} = Coordination.get_work_item!(item.id, @system)
  end

  test "of many heartbeats and looks at once, none leaves an agent offline with its work or at work without it" do
    for _round <- 1..10 do
      {agent, item} = silent_with_work()

      at_once(1..8, fn number ->
        if rem(number, 2) == 0,
          do: Coordination.heartbeat(agent, @system),
          else: Coordination.expire_agent(agent, @system)
      end)

      agent = Coordination.get_agent!(agent.id, @system)
      item = Coordination.get_work_item!(item.id, @system)

      # Every round ends with somebody who was heard of: whether the work was returned before is chance.
      assert agent.status in [:active, :busy]
      assert {agent.workload, item.status} in [{1, :claimed}, {0, :pending}]
    end
  end

  defp silent_with_work do
    agent = Coordination.activate_agent!(agent(), @system)
    item = Coordination.assign_work_item!(work_item(), agent.id, @system)

    Repo.query!("UPDATE agents SET last_heartbeat_at = now() - interval '1 hour' WHERE id = $1", [
      Ecto.UUID.dump!(agent.id)
    ])

    {Coordination.get_agent!(agent.id, @system), item}
  end

  defp wait_for_a_lock(tries \\ 500) do
    waiting =
      Repo.query!("""
      SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
      """)

    cond do
      waiting.rows != [[0]] -> :ok
      tries == 0 -> flunk("nobody waits for the agent")
      true -> Process.sleep(10) && wait_for_a_lock(tries - 1)
    end
  end
end
