defmodule Xavos.FakeClaude do
  @moduledoc """
  A server on a port of its own that speaks as much of Anthropic's Messages API as XAVOS uses. It answers what the test
  tells it to, one answer after the other (the last one again and again), and tells the test what it was asked:
  `{:asked, %{headers: …, body: …}}`.

      url = FakeClaude.start([FakeClaude.tool("suggest_priorities", %{…})])
  """
  use Plug.Router, copy_opts_to_assign: :fake

  import ExUnit.Callbacks, only: [start_supervised!: 2]

  plug :match
  plug :dispatch

  @doc "Starts it below the test and gives its address."
  def start(answers) do
    test = self()
    script = start_supervised!({Agent, fn -> answers end}, id: make_ref())

    options = [
      plug: {__MODULE__, %{test: test, script: script}},
      port: 0,
      ip: :loopback,
      startup_log: false
    ]

    server = start_supervised!({Bandit, options}, id: make_ref())
    {:ok, {_address, port}} = ThousandIsland.listener_info(server)
    "http://127.0.0.1:#{port}"
  end

  @doc """
  A server that answers every request with status 529, which Plug does not know and the API does. Tells the test
  `{:asked, :overloaded}`.
  """
  def start_overloaded do
    test = self()

    {:ok, listening} =
      :gen_tcp.listen(0, [:binary, ip: {127, 0, 0, 1}, active: false, reuseaddr: true])

    {:ok, port} = :inet.port(listening)
    start_supervised!({Task, fn -> overloaded(listening, test) end}, id: make_ref())
    "http://127.0.0.1:#{port}"
  end

  defp overloaded(listening, test) do
    {:ok, socket} = :gen_tcp.accept(listening)
    {:ok, _request} = :gen_tcp.recv(socket, 0)
    send(test, {:asked, :overloaded})

    body =
      Jason.encode!(%{type: "error", error: %{type: "overloaded_error", message: "Overloaded"}})

    :gen_tcp.send(
      socket,
      "HTTP/1.1 529 \r\ncontent-length: #{byte_size(body)}\r\nconnection: close\r\n\r\n#{body}"
    )

    :gen_tcp.close(socket)
    overloaded(listening, test)
  end

  @doc "An answer that uses a tool."
  def tool(name, input, changes \\ %{}) do
    message(%{
      content: [
        %{type: "text", text: "Let me see."},
        %{type: "tool_use", id: "toolu_1", name: name, input: input}
      ],
      stop_reason: "tool_use"
    })
    |> Map.merge(changes)
    |> then(&{200, [], Jason.encode!(&1)})
  end

  @doc "A message with `changes`."
  def message(changes) do
    Map.merge(
      %{
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude-of-the-server",
        content: [],
        stop_reason: "end_turn",
        stop_sequence: nil,
        usage: %{input_tokens: 1_000, output_tokens: 200}
      },
      changes
    )
  end

  @doc "An error as the API reports it."
  def error(status, type, headers \\ []) do
    {status, headers,
     Jason.encode!(%{type: "error", error: %{type: type, message: "told by the server: sk-echo"}})}
  end

  post "/v1/messages" do
    {:ok, body, conn} = read_body(conn)

    send(
      conn.assigns.fake.test,
      {:asked, %{headers: Map.new(conn.req_headers), body: Jason.decode!(body)}}
    )

    conn.assigns.fake.script
    |> Agent.get_and_update(fn
      [answer] -> {answer, [answer]}
      [answer | rest] -> {answer, rest}
    end)
    |> answer(conn)
  end

  match _ do
    send_resp(conn, 404, "")
  end

  # As late as the test says: `send(pid, :answer)` to the `pid` that it is told.
  defp answer({:when_told, answer}, conn) do
    send(conn.assigns.fake.test, {:waiting, self()})
    receive do: (:answer -> answer(answer, conn))
  end

  # Longer than the test is ready to wait, but not than it takes to stop.
  defp answer(:silence, conn) do
    Process.sleep(1_000)
    send_resp(conn, 200, "")
  end

  defp answer({status, headers, body}, conn) do
    headers
    |> Enum.reduce(conn, fn {name, value}, conn -> put_resp_header(conn, name, value) end)
    |> put_resp_content_type("application/json")
    |> send_resp(status, body)
  end
end
