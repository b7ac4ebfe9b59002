defmodule Xavos.Coordination.EventsRelayTest do
  # Two hubs as two VMs would have them, each with a connection of its own.
  use Xavos.RealDatabase

  import ExUnit.CaptureLog

  alias Xavos.Accounts.User.TellOfRole
  alias Xavos.Coordination.Events
  alias Xavos.Coordination.Events.Hub
  alias Xavos.Repo

  @topic "relay"

  setup do
    :ok = Phoenix.PubSub.subscribe(Xavos.PubSub, @topic)
    server = start("Server", @topic)
    other = start("Other", "nobody listens")
    {:ok, server: server, other: other}
  end

  test "what happens in one VM is told in the other", %{other: other} do
    Hub.tell(Events.hub(other), event("it's \"here\""))
    assert_receive {:coordination_events, [told]}, 2_000
    assert told == event("it's \"here\"")
  end

  test "what happens in a VM is told there once", %{server: server} do
    Hub.tell(Events.hub(server), event("here"))
    assert_receive {:coordination_events, [%{subject_id: "here"}]}, 2_000
    refute_receive {:coordination_events, _again}, 200
  end

  test "pages of another VM are told that the role of their user has changed", %{other: other} do
    id = Ash.UUID.generate()
    :ok = TellOfRole.subscribe(id)
    Hub.tell(Events.hub(other), Hub.role_changed(id))
    assert_receive {:role_changed, ^id}, 2_000
    refute_receive {:coordination_events, _events}, 100
  end

  test "a lost connection comes back, and says so", %{other: other} do
    log =
      capture_log(fn ->
        # As a restart of the database does it.
        assert %{num_rows: 2} =
                 Repo.query!("""
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE 'LISTEN "xavos_coordination_events"'
                 """)

        assert_receive :coordination_changed, 10_000
        wait_until_both_listen()
      end)

    # Whoever lost it logs it or not; nobody crashed.
    refute log =~ "terminating"

    Hub.tell(Events.hub(other), event("after"))
    assert_receive {:coordination_events, [%{subject_id: "after"}]}, 2_000
  end

  defp start(name, topic) do
    name = Module.concat(__MODULE__, name)

    start_supervised!(
      Supervisor.child_spec({Events, name: name, topic: topic, relay: true, flush_ms: 5},
        id: name
      )
    )

    if topic == @topic, do: assert_receive(:coordination_changed, 5_000)
    wait_until_listening(name)
    name
  end

  defp wait_until_listening(name) do
    {_state, data} = :sys.get_state(Events.wire(name))

    case data.state do
      {_module, %{connected?: true}} ->
        :ok

      _ ->
        Process.sleep(20)
        wait_until_listening(name)
    end
  end

  defp wait_until_both_listen do
    for name <- ["Server", "Other"], do: wait_until_listening(Module.concat(__MODULE__, name))
  end

  defp event(subject_id) do
    %{
      id: "0197a3f2-0000-7000-8000-000000000000",
      kind: "work_item.add",
      subject_type: "work_item",
      subject_id: subject_id,
      actor: "system",
      occurred_at: ~U[2030-01-01 00:00:00.000000Z]
    }
  end
end
