defmodule Phoenix.Socket.Transport do
  @moduledoc false

  @doc "The connection turned into a socket where the path is one of the endpoint's, else nil."
  def upgrade(conn, endpoint) do
    Enum.find_value(endpoint.__sockets__(), fn {path, module, opts} ->
      if conn.path_info == String.split(path, "/", trim: true) ++ ["websocket"] and opts[:websocket] != false do
        open(Plug.Conn.fetch_query_params(conn), endpoint, module, opts)
      end
    end)
  end

  defp open(conn, endpoint, module, opts) do
    if websocket?(conn) and from_here?(conn, endpoint.config(:check_origin, true)) do
      info = connect_info(conn, endpoint, opts)

      case module.connect(conn.params, %{endpoint: endpoint, connect_info: info, assigns: %{}}, info) do
        {:ok, socket} ->
          state = %{socket: socket, module: module, channels: %{}, endpoint: endpoint}
          Plug.Conn.put_private(conn, :websock, {Phoenix.Socket.Websock, state})

        _ ->
          Plug.Conn.send_resp(conn, 403, "")
      end
    else
      Plug.Conn.send_resp(conn, if(websocket?(conn), do: 403, else: 400), "")
    end
  end

  # Browsers send where the page is from; programs need not.
  defp from_here?(conn, allowed) when is_list(allowed) do
    origins = Enum.map(allowed, &where/1)
    conn |> Plug.Conn.get_req_header("origin") |> Enum.all?(&(where(&1) in origins))
  end

  defp from_here?(_conn, _allowed), do: true

  defp where(origin) do
    uri = URI.parse(origin)
    {uri.scheme, uri.host, uri.port}
  end

  defp websocket?(conn) do
    Enum.any?(Plug.Conn.get_req_header(conn, "upgrade"), &(String.downcase(&1) == "websocket"))
  end

  defp connect_info(conn, _endpoint, opts) do
    websocket = if is_list(opts[:websocket]), do: opts[:websocket], else: []
    session_opts = (websocket[:connect_info] || [])[:session]
    %{session: session(conn, session_opts), uri: URI.parse(conn.request_path)}
  end

  defp session(_, nil), do: nil

  defp session(conn, opts) do
    opts = if is_list(opts), do: opts, else: resolve(opts)
    conn = Plug.Conn.fetch_cookies(conn)
    session = Plug.Session.read(conn, conn.cookies[opts[:key]], opts)
    token = conn.params["_csrf_token"]
    stored = session["_csrf_token"]
    if is_binary(token) and is_binary(stored) and Plug.Crypto.secure_compare(token, stored), do: session
  end

  defp resolve({module, function, args}), do: apply(module, function, args)
end

defmodule Phoenix.Socket.Websock do
  @moduledoc false
  # Protocol 2 of Phoenix channels: [join_ref, ref, topic, event, payload].

  def init(state), do: {:ok, state}

  def handle_in({text, _}, state) do
    [join_ref, ref, topic, event, payload] = Phoenix.json_library().decode!(text)
    message(event, {join_ref, ref, topic}, payload, state)
  end

  def handle_info({:push, topic, join_ref, event, payload}, state),
    do: {:push, [encode([join_ref, nil, topic, event, payload])], state}

  def handle_info({:reply, join_ref, ref, topic, status, payload}, state),
    do: {:push, [reply({join_ref, ref, topic}, status, payload)], state}

  def handle_info({:DOWN, _, :process, pid, reason}, state) do
    case Enum.find(state.channels, &(elem(&1, 1) |> elem(0) == pid)) do
      nil ->
        {:ok, state}

      {topic, {_, join_ref}} ->
        event = if reason in [:normal, :shutdown], do: "phx_close", else: "phx_error"

        {:push, [encode([join_ref, join_ref, topic, event, %{}])],
         %{state | channels: Map.delete(state.channels, topic)}}
    end
  end

  def handle_info(_, state), do: {:ok, state}

  def terminate(_, state) do
    for {_, {pid, _}} <- state.channels, do: Process.exit(pid, :shutdown)
    :ok
  end

  defp message("heartbeat", where, _, state), do: {:push, [reply(where, :ok, %{})], state}

  defp message("phx_join", {join_ref, _, topic} = where, payload, state) do
    case state.module.join_topic(topic, payload, state.socket, self(), join_ref) do
      {:ok, response, pid} ->
        Process.monitor(pid)
        {:push, [reply(where, :ok, response)], %{state | channels: Map.put(state.channels, topic, {pid, join_ref})}}

      {:ok, response} ->
        {:push, [reply(where, :ok, response)], state}

      {:error, response} ->
        {:push, [reply(where, :error, response)], state}
    end
  end

  defp message("phx_leave", {_, _, topic} = where, _, state) do
    with {pid, _} <- state.channels[topic], do: Process.exit(pid, :shutdown)
    {:push, [reply(where, :ok, %{})], %{state | channels: Map.delete(state.channels, topic)}}
  end

  defp message(event, {join_ref, ref, topic} = where, payload, state) do
    case state.channels[topic] do
      {pid, _} ->
        send(pid, {:channel, event, payload, {join_ref, ref, topic}})
        {:ok, state}

      nil ->
        {:push, [reply(where, :error, %{reason: "unmatched topic"})], state}
    end
  end

  defp reply({join_ref, ref, topic}, status, payload),
    do: encode([join_ref, ref, topic, "phx_reply", %{status: status, response: payload}])

  defp encode(message), do: {:text, Phoenix.json_library().encode!(message)}
end

defmodule Phoenix.Socket do
  @moduledoc "Rehearsal stand-in: sockets without channels."

  defmacro __using__(_) do
    quote do
      import Phoenix.Socket
      def connect(_params, socket, _info), do: {:ok, socket}

      def join_topic(topic, payload, socket, transport, join_ref),
        do: Phoenix.Socket.no_topic(topic, payload, socket, transport, join_ref)

      def id(_socket), do: nil
      defoverridable connect: 3, id: 1, join_topic: 5
    end
  end

  defmacro channel(_topic, _module), do: nil
  def no_topic(_, _, _, _, _), do: {:error, %{reason: "unmatched topic"}}
end

defmodule Phoenix.Channel do
  @moduledoc false
  defmacro __using__(_), do: nil
end
