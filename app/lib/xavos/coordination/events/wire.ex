defmodule Xavos.Coordination.Events.Wire do
  @moduledoc false
  # A connection to the database for telling other VMs what has happened, and for hearing it from them. It connects
  # again by itself, and lets the hub know, because nobody keeps what was told while it was away.
  @behaviour Postgrex.SimpleConnection

  alias Postgrex.SimpleConnection

  @channel "xavos_coordination_events"

  # PostgreSQL takes less than 8000 bytes.
  @most_bytes 7_500

  # Of the repository's settings, those that say where the database is and how to talk to it.
  @connection [
    :hostname,
    :port,
    :username,
    :password,
    :database,
    :socket,
    :socket_dir,
    :socket_options,
    :endpoints,
    :ssl,
    :ssl_opts,
    :parameters,
    :connect_timeout
  ]

  def child_spec(options) do
    %{id: __MODULE__, start: {__MODULE__, :start_link, [options]}}
  end

  def start_link(options) do
    {hub, options} = Keyword.pop!(options, :hub)

    connection =
      Xavos.Repo.config()
      |> Keyword.take(@connection)
      |> Keyword.merge(auto_reconnect: true, sync_connect: false, reconnect_backoff: 2_000)

    SimpleConnection.start_link(__MODULE__, hub, connection ++ options)
  end

  @doc "Tells the other VMs; without a connection, it does not."
  def send_events(wire, origin, events) do
    if pid = Process.whereis(wire), do: send(pid, {:send, encode(origin, events)})
    :ok
  end

  @doc "JSON of the events in as many pieces as fit into notifications."
  def encode(origin, events) do
    events
    |> Enum.map(&Jason.encode!/1)
    |> Enum.chunk_while(
      {[], 0},
      fn json, {chunk, size} ->
        if chunk != [] and size + byte_size(json) > @most_bytes,
          do: {:cont, chunk, {[json], byte_size(json)}},
          else: {:cont, {[json | chunk], size + byte_size(json) + 1}}
      end,
      fn
        {[], _size} -> {:cont, nil}
        {chunk, _size} -> {:cont, chunk, nil}
      end
    )
    |> Enum.map(fn chunk ->
      ~s({"origin":"#{origin}","events":[#{chunk |> Enum.reverse() |> Enum.join(",")}]})
    end)
  end

  @doc "Events of a notification, the oldest first, and the hub they came from."
  def decode(payload) do
    with {:ok, %{"origin" => origin, "events" => events}} <- Jason.decode(payload),
         {:ok, events} <- decode_each(events) do
      {:ok, origin, events}
    else
      _ -> :error
    end
  end

  defp decode_each(events) do
    Enum.reduce_while(events, {:ok, []}, fn event, {:ok, done} ->
      with %{"id" => id, "kind" => kind, "subject_type" => type} <- event,
           %{"subject_id" => subject_id, "actor" => actor, "occurred_at" => occurred_at} <- event,
           {:ok, occurred_at, 0} <- DateTime.from_iso8601(occurred_at) do
        event = %{
          id: id,
          kind: kind,
          subject_type: type,
          subject_id: subject_id,
          actor: actor,
          occurred_at: occurred_at
        }

        {:cont, {:ok, [event | done]}}
      else
        _ -> {:halt, :error}
      end
    end)
    |> case do
      {:ok, events} -> {:ok, Enum.reverse(events)}
      :error -> :error
    end
  end

  @impl true
  def init(hub), do: {:ok, %{hub: hub, connected?: false}}

  @impl true
  def handle_connect(state) do
    {:query, ~s(LISTEN "#{@channel}"), %{state | connected?: :soon}}
  end

  @impl true
  def handle_disconnect(state), do: {:noreply, %{state | connected?: false}}

  @impl true
  def handle_result(_results, %{connected?: :soon} = state) do
    tell(state.hub, :connected)
    {:noreply, %{state | connected?: true}}
  end

  def handle_result(_results, state), do: {:noreply, state}

  @impl true
  def handle_info({:send, payloads}, %{connected?: true} = state) do
    {:query, ["SELECT " | payloads |> Enum.map(&notify/1) |> Enum.intersperse(", ")], state}
  end

  def handle_info(_message, state), do: {:noreply, state}

  @impl true
  def notify(_channel, payload, state), do: tell(state.hub, {:heard, payload})

  defp notify(payload) do
    ["pg_notify('", @channel, "', '", String.replace(payload, "'", "''"), "')"]
  end

  defp tell(hub, message) do
    if pid = Process.whereis(hub), do: send(pid, message)
    :ok
  end
end
