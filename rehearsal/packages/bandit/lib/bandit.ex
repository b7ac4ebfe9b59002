defmodule Bandit do
  @moduledoc "Rehearsal stand-in: an HTTP/1.1 server on :gen_tcp."

  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

  @impl true
  def init(opts) do
    Process.flag(:trap_exit, true)
    ip = opts[:ip] || {0, 0, 0, 0}
    family = if tuple_size(ip) == 8, do: [:inet6], else: []
    listen = family ++ [:binary, ip: ip, active: false, reuseaddr: true, backlog: 128, packet: :http_bin, nodelay: true]

    case :gen_tcp.listen(opts[:port], listen) do
      {:ok, socket} ->
        # Connections with a request in flight, each with its socket: they are waited for.
        busy = :ets.new(:busy, [:public, :set])
        handler = {opts[:plug], opts[:scheme] || :http, busy}
        for _ <- 1..20, do: spawn_link(fn -> accept(socket, handler) end)
        opts[:ready] && opts[:ready].(ip, opts[:port])
        {:ok, %{socket: socket, busy: busy, patience: opts[:shutdown_timeout] || 15_000}}

      {:error, reason} ->
        opts[:failed] && opts[:failed].(reason, opts[:port])
        {:stop, reason}
    end
  end

  @impl true
  def handle_info({:EXIT, _, :normal}, state), do: {:noreply, state}
  def handle_info({:EXIT, _, reason}, state), do: {:stop, reason, state}
  def handle_info(_, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    :gen_tcp.close(state.socket)
    await_answers(state.busy, System.monotonic_time(:millisecond) + state.patience)
  end

  defp await_answers(busy, until) do
    for {pid} <- :ets.tab2list(busy), not Process.alive?(pid), do: :ets.delete(busy, pid)

    unless :ets.info(busy, :size) == 0 or System.monotonic_time(:millisecond) >= until do
      Process.sleep(20)
      await_answers(busy, until)
    end
  end

  defp accept(listener, handler) do
    with {:ok, socket} <- :gen_tcp.accept(listener) do
      pid = spawn(fn -> receive(do: (:go -> Bandit.Connection.serve(socket, handler))) end)
      :ok = :gen_tcp.controlling_process(socket, pid)
      send(pid, :go)
      accept(listener, handler)
    end
  end
end

defmodule Bandit.PhoenixAdapter do
  @moduledoc false
  require Logger

  def child_specs(endpoint, config) do
    http = Keyword.get(config, :http) || []
    port = http[:port] || 4000
    port = if is_binary(port), do: String.to_integer(port), else: port

    ready = fn ip, port ->
      Logger.info("Running #{inspect(endpoint)} with Bandit #{version()} at #{:inet.ntoa(ip)}:#{port} (http)")
    end

    failed = fn reason, port ->
      told = if reason == :eaddrinuse, do: "port #{port} already in use", else: inspect(reason)
      Logger.error("Running #{inspect(endpoint)} with Bandit #{version()} at http failed, #{told}")
    end

    patience = (http[:thousand_island_options] || [])[:shutdown_timeout] || 15_000
    opts = [plug: {endpoint, []}, ip: http[:ip] || {127, 0, 0, 1}, port: port, ready: ready, failed: failed]
    opts = [shutdown_timeout: patience] ++ opts
    [%{id: {endpoint, :http}, start: {Bandit, :start_link, [opts]}, shutdown: patience + 1_000}]
  end

  defp version, do: :bandit |> Application.spec(:vsn) |> to_string()
end

defmodule Bandit.Connection do
  @moduledoc false
  require Logger

  def serve(socket, handler) do
    with {:ok, {:http_request, method, uri, _version}} <- :gen_tcp.recv(socket, 0, 60_000),
         {:ok, headers} <- headers(socket, []) do
      :ok = :inet.setopts(socket, packet: :raw)
      conn = conn(socket, to_string(method), uri, headers, handler)
      answer(conn, socket, handler)
    else
      _ -> :gen_tcp.close(socket)
    end
  end

  defp answer(conn, socket, {{plug, opts}, _, busy} = handler) do
    :ets.insert(busy, {self()})
    answered = plug.call(conn, plug.init(opts))
    :ets.delete(busy, self())

    case answered do
      %{private: %{websock: {module, state}}} = conn ->
        Bandit.Websocket.upgrade(conn, socket, module, state)

      %{state: :sent} = conn ->
        receive(do: ({:plug_conn, :sent} -> :ok), after: (0 -> :ok))

        if "close" in (Plug.Conn.get_req_header(conn, "connection") ++ Plug.Conn.get_resp_header(conn, "connection")) do
          :gen_tcp.close(socket)
        else
          :ok = :inet.setopts(socket, packet: :http_bin)
          serve(socket, handler)
        end
    end
  rescue
    error ->
      Logger.error(Exception.format(:error, error, __STACKTRACE__))
      :gen_tcp.close(socket)
  end

  defp headers(socket, found) do
    case :gen_tcp.recv(socket, 0, 15_000) do
      {:ok, {:http_header, _, name, _, value}} -> headers(socket, [{String.downcase(to_string(name)), value} | found])
      {:ok, :http_eoh} -> {:ok, Enum.reverse(found)}
      other -> other
    end
  end

  defp conn(socket, method, uri, headers, {_, scheme, _}) do
    path = with {:abs_path, path} <- uri, do: path, else: (_ -> "/")
    [path | query] = String.split(path, "?", parts: 2)
    [host | port] = headers |> List.keyfind("host", 0, {"host", "localhost"}) |> elem(1) |> String.split(":")
    {:ok, {peer, _}} = :inet.peername(socket)
    content_length = List.keyfind(headers, "content-length", 0)

    %Plug.Conn{
      adapter: {__MODULE__, %{socket: socket, method: method, body: body(socket, content_length)}},
      host: host,
      port: port |> List.first("80") |> String.to_integer(),
      method: method,
      owner: self(),
      path_info: String.split(path, "/", trim: true),
      query_string: List.first(query) || "",
      remote_ip: peer,
      req_headers: headers,
      request_path: path,
      scheme: scheme
    }
  end

  # Bodies are small here: all of one is read before the request is answered.
  defp body(_, nil), do: ""
  defp body(_, {_, "0"}), do: ""

  defp body(socket, {_, length}) do
    {:ok, body} = :gen_tcp.recv(socket, String.to_integer(length), 15_000)
    body
  end

  def read_req_body(payload, _), do: {:ok, payload.body, %{payload | body: ""}}

  def send_resp(%{socket: socket} = payload, status, headers, body) do
    length = if status in [204, 304], do: [], else: [{"content-length", Integer.to_string(byte_size(body))}]
    lines = for {key, value} <- length ++ headers, do: [key, ": ", value, "\r\n"]
    phrase = Plug.Conn.Status.reason_phrase(status)
    sent = if payload.method == "HEAD", do: "", else: body
    :gen_tcp.send(socket, ["HTTP/1.1 #{status} #{phrase}\r\n", lines, "\r\n", sent])
    {:ok, body, payload}
  end
end

defmodule Bandit.Websocket do
  @moduledoc false
  import Bitwise

  @guid "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

  def upgrade(conn, socket, module, state) do
    [key] = Plug.Conn.get_req_header(conn, "sec-websocket-key")
    accept = Base.encode64(:crypto.hash(:sha, key <> @guid))

    :gen_tcp.send(socket, [
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n",
      "sec-websocket-accept: #{accept}\r\n\r\n"
    ])

    :inet.setopts(socket, active: :once)
    {:ok, state} = module.init(state)
    loop(socket, module, state, "")
  end

  defp loop(socket, module, state, buffer) do
    receive do
      {:tcp, ^socket, data} ->
        :inet.setopts(socket, active: :once)
        frames(socket, module, state, buffer <> data)

      {:tcp_closed, ^socket} ->
        module.terminate(:closed, state)

      {:tcp_error, ^socket, reason} ->
        module.terminate(reason, state)

      message ->
        reply(module.handle_info(message, state), socket, module, buffer)
    end
  end

  defp frames(socket, module, state, buffer) do
    case frame(buffer) do
      :more -> loop(socket, module, state, buffer)
      {opcode, payload, rest} when opcode in [1, 2] -> text(socket, module, state, payload, opcode, rest)
      {9, payload, rest} -> send_frame(socket, 10, payload) && frames(socket, module, state, rest)
      {10, _, rest} -> frames(socket, module, state, rest)
      {8, payload, _} -> close(socket, module, state, payload)
    end
  end

  defp text(socket, module, state, payload, opcode, rest) do
    kind = if opcode == 1, do: :text, else: :binary
    reply(module.handle_in({payload, [opcode: kind]}, state), socket, module, rest)
  end

  defp close(socket, module, state, payload) do
    send_frame(socket, 8, payload)
    :gen_tcp.close(socket)
    module.terminate(:remote, state)
  end

  defp reply({:ok, state}, socket, module, rest), do: frames(socket, module, state, rest)

  defp reply({:push, messages, state}, socket, module, rest) do
    for {:text, payload} <- List.wrap(messages), do: send_frame(socket, 1, payload)
    frames(socket, module, state, rest)
  end

  defp reply({:stop, _reason, state}, socket, module, _), do: close(socket, module, state, <<1000::16>>)

  defp send_frame(socket, opcode, payload) do
    size = IO.iodata_length(payload)

    length =
      cond do
        size < 126 -> <<size>>
        size < 65_536 -> <<126, size::16>>
        true -> <<127, size::64>>
      end

    :ok == :gen_tcp.send(socket, [<<1::1, 0::3, opcode::4>>, length, payload])
  end

  defp frame(<<_::4, opcode::4, 1::1, 127::7, size::64, mask::binary-4, rest::binary>>),
    do: body(opcode, size, mask, rest)

  defp frame(<<_::4, opcode::4, 1::1, 126::7, size::16, mask::binary-4, rest::binary>>),
    do: body(opcode, size, mask, rest)

  defp frame(<<_::4, opcode::4, 1::1, size::7, mask::binary-4, rest::binary>>) when size < 126 do
    body(opcode, size, mask, rest)
  end

  defp frame(_), do: :more

  defp body(opcode, size, mask, rest) do
    case rest do
      <<payload::binary-size(size), rest::binary>> -> {opcode, unmask(payload, mask), rest}
      _ -> :more
    end
  end

  defp unmask(payload, <<a, b, c, d>>) do
    payload
    |> :binary.bin_to_list()
    |> Enum.zip(Stream.cycle([a, b, c, d]))
    |> Enum.map(fn {byte, key} -> bxor(byte, key) end)
    |> IO.iodata_to_binary()
  end
end
