defmodule Phoenix.Endpoint do
  @moduledoc "Rehearsal stand-in: receives requests and opens sockets."

  require Logger

  defmacro __using__(opts) do
    quote do
      use Plug.Builder
      import Phoenix.Endpoint, only: [socket: 2, socket: 3]
      @otp_app unquote(opts)[:otp_app]
      Module.register_attribute(__MODULE__, :phoenix_sockets, accumulate: true)
      @before_compile Phoenix.Endpoint

      var!(code_reloading?) = Application.compile_env(@otp_app, [__MODULE__, :code_reloader], false)
      _ = var!(code_reloading?)

      def config, do: Application.get_env(@otp_app, __MODULE__, [])
      def config(key, default \\ nil)
      def config(:otp_app, _), do: @otp_app
      def config(key, default), do: Keyword.get(config(), key, default)
      def config_change(_changed, _removed), do: :ok
      def child_spec(opts), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}, type: :supervisor}
      def start_link(opts \\ []), do: Phoenix.Endpoint.Supervisor.start_link(__MODULE__, @otp_app, opts)
      def host, do: (config(:url) || [])[:host] || "localhost"
      def url, do: Phoenix.Endpoint.Supervisor.url(__MODULE__)
      def path(path), do: path
      def subscribe(topic, opts \\ []), do: Phoenix.PubSub.subscribe(config(:pubsub_server), topic, opts)

      def broadcast(topic, event, payload) do
        Phoenix.PubSub.broadcast(config(:pubsub_server), topic, %{topic: topic, event: event, payload: payload})
      end

      def broadcast_from(from, topic, event, payload),
        do:
          Phoenix.PubSub.broadcast_from(config(:pubsub_server), from, topic, %{
            topic: topic,
            event: event,
            payload: payload
          })

      def call(conn, opts) do
        Phoenix.Endpoint.__call__(conn, __MODULE__, fn conn -> plug_builder_call(conn, opts) end)
      end

      defoverridable call: 2
    end
  end

  defmacro __before_compile__(_) do
    quote do
      def __sockets__, do: @phoenix_sockets
    end
  end

  defmacro socket(path, module, opts \\ []) do
    module = Plug.Builder.runtime_alias(module, __CALLER__)
    quote do: @phoenix_sockets({unquote(path), unquote(module), unquote(opts)})
  end

  @doc false
  def __call__(conn, endpoint, plugs) do
    conn = %{
      conn
      | secret_key_base: endpoint.config(:secret_key_base),
        private: Map.merge(conn.private, %{phoenix_endpoint: endpoint, phoenix_router_url: endpoint.url()})
    }

    conn = Phoenix.Endpoint.Secure.call(conn, endpoint)

    with %{halted: false} <- conn,
         nil <- Phoenix.Socket.Transport.upgrade(conn, endpoint) do
      guarded(conn, endpoint, plugs)
    end
  end

  defp guarded(conn, endpoint, plugs) do
    plugs.(conn)
  catch
    kind, reason ->
      stack = __STACKTRACE__

      receive do
        {:plug_conn, :sent} -> :erlang.raise(kind, reason, stack)
      after
        0 -> :ok
      end

      Phoenix.Endpoint.ErrorPage.send(conn, endpoint, kind, Exception.normalize(kind, reason, stack), stack)
  end
end

defmodule Phoenix.Endpoint.Secure do
  @moduledoc false
  # What `force_ssl` asks for: the scheme that the proxy tells, a redirect, HSTS.

  def call(conn, endpoint) do
    case endpoint.config(:force_ssl) do
      options when is_list(options) -> force(conn, endpoint, options)
      _ -> conn
    end
  end

  defp force(conn, endpoint, options) do
    told = :x_forwarded_proto in List.wrap(options[:rewrite_on]) and Plug.Conn.get_req_header(conn, "x-forwarded-proto")
    conn = if told == ["https"], do: %{conn | scheme: :https, port: 443}, else: conn
    excluded = options[:exclude] || [hosts: ["localhost", "127.0.0.1"]]

    cond do
      conn.host in (excluded[:hosts] || []) or conn.request_path in (excluded[:paths] || []) ->
        conn

      conn.scheme == :https ->
        Plug.Conn.put_resp_header(conn, "strict-transport-security", "max-age=31536000")

      true ->
        query = if conn.query_string == "", do: "", else: "?" <> conn.query_string
        status = if conn.method in ["GET", "HEAD"], do: 301, else: 307

        conn
        |> Plug.Conn.put_resp_header("location", "https://#{endpoint.host()}#{conn.request_path}#{query}")
        |> Plug.Conn.send_resp(status, "")
        |> Plug.Conn.halt()
    end
  end
end

defmodule Phoenix.Endpoint.ErrorPage do
  @moduledoc false
  require Logger

  def send(conn, endpoint, kind, reason, stack) do
    status = if kind == :error, do: Plug.Exception.status(reason), else: 500
    if status >= 500, do: Logger.error(Exception.format(kind, reason, stack))

    conn = %{conn | status: status, params: known(conn.params), halted: true}
    format = format(conn, endpoint)

    {type, body} =
      if endpoint.config(:debug_errors),
        do: debug(format, kind, reason, stack),
        else: plain(endpoint, format, status, conn)

    conn = conn |> Plug.Conn.put_resp_content_type(type) |> Plug.Conn.send_resp(status, body)

    if match?({Plug.Adapters.Test.Conn, _}, conn.adapter) do
      :erlang.raise(kind, reason, stack)
    else
      conn
    end
  end

  defp known(%Plug.Conn.Unfetched{}), do: %{}
  defp known(params), do: params

  defp format(conn, endpoint) do
    accept = conn |> Plug.Conn.get_req_header("accept") |> List.first() || "*/*"
    formats = for {name, _} <- (endpoint.config(:render_errors) || [])[:formats] || [], do: to_string(name)
    Enum.find(formats, &(accept =~ &1)) || List.first(formats) || "html"
  end

  defp debug("json", kind, reason, stack),
    do: {"application/json", Phoenix.json_library().encode!(%{error: Exception.format(kind, reason, stack)})}

  defp debug(_, kind, reason, stack) do
    name = if is_exception(reason), do: inspect(reason.__struct__), else: to_string(kind)
    text = Phoenix.HTML.Engine.escape(Exception.format(kind, reason, stack))

    {"text/html",
     "<!DOCTYPE html>\n<html><head><title>#{name}</title></head><body><h1>#{name}</h1><pre>#{text}</pre></body></html>"}
  end

  defp plain(endpoint, format, status, conn) do
    formats = (endpoint.config(:render_errors) || [])[:formats] || []
    view = Keyword.get(formats, String.to_atom(format))
    type = if format == "json", do: "application/json", else: "text/html"
    {type, Phoenix.Template.render_to_iodata(view, to_string(status), format, %{conn: conn, status: status})}
  end
end

defmodule Phoenix.Endpoint.Supervisor do
  @moduledoc false
  use Supervisor
  require Logger

  def start_link(endpoint, otp_app, opts),
    do: Supervisor.start_link(__MODULE__, {endpoint, otp_app, opts}, name: endpoint)

  @impl true
  def init({endpoint, _otp_app, opts}) do
    config = Keyword.merge(endpoint.config(), opts)
    server = Keyword.get(config, :server, Application.get_env(:phoenix, :serve_endpoints, false))
    server = server or Application.get_env(:phoenix, :serve_endpoints, false)
    children = if server, do: children(endpoint, config), else: []

    if not server and System.get_env("RELEASE_NAME") do
      Logger.info("Configuration :server was not enabled for #{inspect(endpoint)}, http/https services won't start")
    end

    Supervisor.init(children, strategy: :one_for_one, max_restarts: 3)
  end

  def port(endpoint) do
    port = (endpoint.config(:http) || [])[:port] || 4000
    if is_binary(port), do: String.to_integer(port), else: port
  end

  def url(endpoint) do
    url = endpoint.config(:url) || []
    "#{url[:scheme] || "http"}://#{url[:host] || "localhost"}:#{url[:port] || port(endpoint)}"
  end

  defp children(endpoint, config) do
    adapter = config[:adapter] || Bandit.PhoenixAdapter

    adapter.child_specs(endpoint, config) ++
      [
        Supervisor.child_spec({Task, fn -> Logger.info("Access #{inspect(endpoint)} at #{url(endpoint)}") end},
          id: :access,
          restart: :temporary
        )
      ]
  end
end
