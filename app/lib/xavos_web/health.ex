defmodule XavosWeb.Health do
  @moduledoc """
  Two questions for whatever watches XAVOS, answered in JSON before any other plug sees the request:

    * `GET /health/live` (and `GET /health`): is the server alive, and which release is it? 200. It never asks the
      database;
    * `GET /health/ready`: should it get requests? 200, or 503 and why not: no database, migrations pending, or the
      server is about to end (`Xavos.Draining`).
  """
  @behaviour Plug

  import Plug.Conn

  @impl true
  def init(options), do: options

  @impl true
  def call(%Plug.Conn{method: method, path_info: path} = conn, _options)
      when method in ~w(GET HEAD) and path in [["health"], ["health", "live"]] do
    answer(conn, 200, %{
      status: "ok",
      application: "xavos",
      version: version(),
      revision: Application.get_env(:xavos, :revision, "")
    })
  end

  def call(%Plug.Conn{method: method, path_info: ["health", "ready"]} = conn, _options)
      when method in ~w(GET HEAD) do
    {status, body} =
      readiness(if Xavos.Draining.draining?(), do: :draining, else: Xavos.Readiness.check())

    answer(conn, status, Map.put(body, :version, version()))
  end

  def call(conn, _options), do: conn

  @doc "The status code and body that a result of `Xavos.Readiness.check/2`, or draining, is answered with."
  @spec readiness(Xavos.Readiness.result() | :draining) :: {200 | 503, map}
  def readiness(:ready), do: {200, %{status: "ready", database: "ok", pending_migrations: []}}
  def readiness(:draining), do: {503, %{status: "draining"}}

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
