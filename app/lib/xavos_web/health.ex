defmodule XavosWeb.Health do
  @moduledoc """
  Two questions for whatever watches XAVOS, answered in JSON before any other plug sees the request:

    * `GET /health`: is the server alive? 200, whatever the database does;
    * `GET /health/ready`: can it do its work? 200, or 503 and why not.
  """
  @behaviour Plug

  import Plug.Conn

  @impl true
  def init(options), do: options

  @impl true
  def call(%Plug.Conn{method: method, path_info: ["health"]} = conn, _options)
      when method in ~w(GET HEAD) do
    answer(conn, 200, %{status: "ok", application: "xavos", version: version()})
  end

  def call(%Plug.Conn{method: method, path_info: ["health", "ready"]} = conn, _options)
      when method in ~w(GET HEAD) do
    {status, body} = readiness(Xavos.Readiness.check())
    answer(conn, status, body)
  end

  def call(conn, _options), do: conn

  @doc "The status code and body that a result of `Xavos.Readiness.check/2` is answered with."
  @spec readiness(Xavos.Readiness.result()) :: {200 | 503, map}
  def readiness(:ready), do: {200, %{status: "ready", database: "ok", pending_migrations: []}}

  def readiness({:migrations_pending, pending}),
    do: {503, %{status: "unavailable", database: "ok", pending_migrations: pending}}

  def readiness({:database_unreachable, reason}),
    do: {503, %{status: "unavailable", database: "unreachable", reason: reason}}

  defp answer(conn, status, body) do
    conn
    |> put_resp_content_type("application/json")
    |> put_resp_header("cache-control", "no-store")
    |> send_resp(status, Jason.encode!(body))
    |> halt()
  end

  defp version, do: to_string(Application.spec(:xavos, :vsn))
end
