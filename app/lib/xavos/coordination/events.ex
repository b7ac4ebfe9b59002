defmodule Xavos.Coordination.Events do
  @moduledoc """
  Broadcasts events of the coordination to subscribers. Events come from this VM and from others on the same
  database, such as a second server or `mix xavos.swarm`.

      Xavos.Coordination.Events.subscribe()

  The subscriber is sent

    * `{:coordination_events, events}`: what has happened, the oldest first, each a map with `id`, `kind`,
      `subject_type`, `subject_id`, `actor` and `occurred_at` of a `Xavos.Coordination.CoordinationEvent`. Sent after
      the transaction, at most once in 100 ms however much happens, and never with more than 200 events, which are
      the latest;
    * `:coordination_changed`: something may have been missed, because the database was away; read everything again.

  Events of this VM come from Ash's notifications. Those of others come through PostgreSQL's `NOTIFY`, which this
  supervisor's connection sends in batches *after* the transactions. A trigger could notify for every event; but
  PostgreSQL makes transactions that notify commit one after the other, and claims would wait for each other.
  """
  use Supervisor

  alias Xavos.Coordination.Events.{Hub, Wire}

  @topic "coordination:events"

  @doc """
  Starts hub and connection. Options, by default from the configuration of this module:

    * `:name`: of this supervisor;
    * `:topic`: what the events are told on;
    * `:flush_ms`: how long events are collected before they are told;
    * `:relay`: false where no other VM is to be told and heard.
  """
  def start_link(options \\ []) do
    options = Keyword.merge(Application.get_env(:xavos, __MODULE__, []), options)
    Supervisor.start_link(__MODULE__, options, name: Keyword.get(options, :name, __MODULE__))
  end

  @impl true
  def init(options) do
    name = Keyword.get(options, :name, __MODULE__)
    relay? = Keyword.get(options, :relay, true)
    hub = [name: hub(name), wire: if(relay?, do: wire(name)), topic: options[:topic] || @topic]

    children =
      [{Hub, hub ++ Keyword.take(options, [:flush_ms])}] ++
        if relay?, do: [{Wire, name: wire(name), hub: hub(name)}], else: []

    # A connection that fails again and again must not take the application with it.
    Supervisor.init(children, strategy: :rest_for_one, max_restarts: 1_000, max_seconds: 60)
  end

  @doc "The topic of `Xavos.PubSub` on which events are told."
  def topic, do: @topic

  @doc "From now on this process is sent what happens."
  def subscribe, do: Phoenix.PubSub.subscribe(Xavos.PubSub, @topic)

  @doc "Takes an event from `Ash.Notifier.PubSub`."
  def broadcast(_topic, _event, %{id: _, kind: _} = event), do: Hub.tell(hub(__MODULE__), event)

  @doc "Has other VMs tell their open pages that the role of a user has changed. Subscribers are not told of it."
  @spec tell_of_role(String.t()) :: :ok
  def tell_of_role(user_id), do: Hub.tell(hub(__MODULE__), Hub.role_changed(user_id))

  @doc "What subscribers are told of an event."
  def told(%Ash.Notifier.Notification{data: event}) do
    Map.take(event, [:id, :kind, :subject_type, :subject_id, :actor, :occurred_at])
  end

  @doc false
  def hub(name), do: Module.concat(name, Hub)

  @doc false
  def wire(name), do: Module.concat(name, Wire)
end
