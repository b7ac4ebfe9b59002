defmodule Xavos.Coordination.Events.Hub do
  @moduledoc false
  # Collects events for a moment, then tells this VM's subscribers and, through the wire, other VMs.
  use GenServer

  alias Xavos.Accounts.User.TellOfRole
  alias Xavos.Coordination.Events.Wire

  @most 200

  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: Keyword.fetch!(options, :name))
  end

  # Nobody waits for it, and where no hub runs (a Mix task without the application) nobody misses it.
  def tell(hub, event), do: GenServer.cast(hub, {:tell, event})

  # Not an event of the coordination, but told by the same wire.
  def role_changed(user_id) do
    %{
      id: Ash.UUID.generate(),
      kind: "user.set_role",
      subject_type: "user",
      subject_id: user_id,
      actor: "system",
      occurred_at: DateTime.utc_now()
    }
  end

  @impl true
  def init(options) do
    {:ok,
     %{
       topic: Keyword.fetch!(options, :topic),
       wire: options[:wire],
       flush_ms: options[:flush_ms] || 100,
       # By which the wire's echo of our own events is known.
       origin: Ash.UUID.generate(),
       ours: [],
       theirs: [],
       timer: nil
     }}
  end

  @impl true
  def handle_cast({:tell, event}, state), do: {:noreply, collect(state, :ours, [event])}

  @impl true
  def handle_info({:heard, payload}, state) do
    case Wire.decode(payload) do
      {:ok, origin, events} when origin != state.origin ->
        {:noreply, collect(state, :theirs, Enum.reverse(events))}

      _ours_or_unreadable ->
        {:noreply, state}
    end
  end

  def handle_info(:connected, state) do
    broadcast(state, :coordination_changed)
    {:noreply, state}
  end

  def handle_info(:flush, state) do
    ours = Enum.take(state.ours, @most)

    if state.wire && ours != [],
      do: Wire.send_events(state.wire, state.origin, Enum.reverse(ours))

    for %{subject_type: "user", subject_id: id} <- state.theirs, do: TellOfRole.tell_here(id)

    told =
      (ours ++ state.theirs)
      |> Enum.reject(&(&1.subject_type == "user"))
      |> Enum.sort_by(&order/1, :desc)
      |> Enum.take(@most)

    if told != [], do: broadcast(state, {:coordination_events, Enum.reverse(told)})
    {:noreply, %{state | ours: [], theirs: [], timer: nil}}
  end

  # The latest first.
  defp collect(state, whose, events) do
    timer = state.timer || Process.send_after(self(), :flush, state.flush_ms)
    Map.update!(%{state | timer: timer}, whose, &(events ++ &1))
  end

  defp order(event), do: {DateTime.to_unix(event.occurred_at, :microsecond), event.id}

  # Only in this VM: nodes of a cluster are all connected to the database, and hear of it there.
  defp broadcast(state, message),
    do: Phoenix.PubSub.local_broadcast(Xavos.PubSub, state.topic, message)
end
