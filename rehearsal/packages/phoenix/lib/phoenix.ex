defmodule Phoenix do
  @moduledoc "Rehearsal stand-in: the parts of the web framework that XAVOS uses."

  use Application

  @impl true
  def start(_type, _args), do: Supervisor.start_link([], strategy: :one_for_one, name: Phoenix.Supervisor)

  def json_library, do: Application.get_env(:phoenix, :json_library, Jason)
  @doc false
  def exports?(module, name, arity), do: Code.ensure_loaded?(module) and function_exported?(module, name, arity)

  def plug_init_mode, do: Application.get_env(:phoenix, :plug_init_mode, :compile)
end

defmodule Phoenix.PubSub do
  @moduledoc "Rehearsal stand-in: sends messages to subscribed processes of this node."

  def child_spec(opts) do
    name = Keyword.fetch!(opts, :name)
    Registry.child_spec(keys: :duplicate, name: name)
  end

  def subscribe(pubsub, topic, _opts \\ []) do
    with {:ok, _} <- Registry.register(pubsub, topic, nil), do: :ok
  end

  def broadcast(pubsub, topic, message, _dispatcher \\ nil) do
    Registry.dispatch(pubsub, topic, fn entries -> for {pid, _} <- entries, do: send(pid, message) end)
  end

  def local_broadcast(pubsub, topic, message), do: broadcast(pubsub, topic, message)

  def broadcast_from(pubsub, from, topic, message) do
    Registry.dispatch(pubsub, topic, fn entries -> for {pid, _} <- entries, pid != from, do: send(pid, message) end)
  end
end

defmodule Phoenix.Token do
  @moduledoc false

  def sign(context, salt, data, opts \\ []), do: Plug.Crypto.sign(secret(context), salt, data, opts)
  def verify(context, salt, token, opts \\ []), do: Plug.Crypto.verify(secret(context), salt, token, opts)

  defp secret(%{private: %{phoenix_endpoint: endpoint}}), do: secret(endpoint)
  defp secret(%{endpoint: endpoint}), do: secret(endpoint)
  defp secret(endpoint) when is_atom(endpoint), do: endpoint.config(:secret_key_base)
  defp secret(text) when is_binary(text), do: text
end

defmodule Phoenix.Flash do
  @moduledoc false
  def get(flash, key) when is_map(flash), do: Map.get(flash, to_string(key))
  def get(nil, _), do: nil
end

defmodule Phoenix.Param do
  @moduledoc false
  def to_param(%{id: id}), do: to_string(id)
  def to_param(value), do: to_string(value)
end

defmodule Phoenix.CodeReloader do
  @moduledoc "Rehearsal stand-in: a code reloader that does nothing."
  @behaviour Plug

  def child_spec(_opts), do: %{id: __MODULE__, start: {GenServer, :start_link, [Phoenix.CodeReloader.Listener, nil]}}

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _), do: conn
end

defmodule Phoenix.CodeReloader.Listener do
  @moduledoc false
  use GenServer

  @impl true
  def init(state), do: {:ok, state}
  @impl true
  def handle_info(_, state), do: {:noreply, state}
end

defmodule Phoenix.Template do
  @moduledoc false

  def render_to_string(module, template, format, assigns),
    do: module |> render_to_iodata(template, format, assigns) |> IO.iodata_to_binary()

  def render_to_iodata(module, template, format, assigns) do
    case render(module, template, format, assigns) do
      {:safe, data} -> data
      %{} = data when format == "json" -> Phoenix.json_library().encode!(data)
      data -> data
    end
  end

  def render(module, template, format, assigns) do
    assigns = Map.new(assigns)
    name = String.to_atom(template)

    cond do
      Phoenix.exports?(module, name, 1) -> apply(module, name, [assigns])
      format -> module.render("#{template}.#{format}", assigns)
    end
  end
end

defmodule Phoenix.NotAcceptableError do
  defexception [:message, plug_status: 406]
end
