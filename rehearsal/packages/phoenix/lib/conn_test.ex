defmodule Phoenix.ConnTest do
  @moduledoc "Rehearsal stand-in: requests to an endpoint without a server."

  import ExUnit.Assertions

  defmacro __using__(_), do: quote(do: import(Phoenix.ConnTest))

  def build_conn, do: Plug.Test.conn(:get, "/") |> Plug.Conn.put_private(:plug_skip_csrf_protection, true)

  def build_conn(method, path, body \\ nil),
    do: Plug.Test.conn(method, path, body) |> Plug.Conn.put_private(:plug_skip_csrf_protection, true)

  for verb <- [:get, :post, :put, :patch, :delete, :options, :head] do
    defmacro unquote(verb)(conn, path, params \\ nil) do
      verb = unquote(verb)
      quote do: Phoenix.ConnTest.dispatch(unquote(conn), @endpoint, unquote(verb), unquote(path), unquote(params))
    end
  end

  def dispatch(conn, endpoint, method, path, params \\ nil) do
    conn = if conn.state == :sent, do: recycle(conn), else: conn
    method = method |> to_string() |> String.upcase()
    {path, params} = query(method, to_string(path), params)
    request = Plug.Test.conn(method, path, params)
    headers = Enum.uniq_by(conn.req_headers ++ request.req_headers, &elem(&1, 0))

    request = %{
      request
      | req_headers: headers,
        remote_ip: conn.remote_ip,
        private: Map.merge(request.private, conn.private),
        assigns: conn.assigns
    }

    request = prepare_session(request, endpoint)
    answer = endpoint.call(request, endpoint.init([]))

    receive do
      {:plug_conn, :sent} -> answer
    after
      0 -> raise Plug.Conn.NotSentError
    end
  end

  defp query("GET", path, params) when params != nil and not is_binary(params) do
    {path <> "?" <> Plug.Conn.Query.encode(params), nil}
  end

  defp query(_, path, params), do: {path, params}

  defp prepare_session(conn, _), do: conn

  def recycle(conn) do
    cookies = conn |> Plug.Conn.fetch_cookies() |> Map.get(:cookies)
    cookies = Map.merge(cookies, for({k, %{value: v}} <- conn.resp_cookies, into: %{}, do: {k, v}))
    header = Enum.map_join(cookies, "; ", fn {k, v} -> "#{k}=#{v}" end)
    fresh = build_conn()
    kept = for {key, value} <- conn.req_headers, key in ["accept", "authorization"], do: {key, value}
    headers = if header == "", do: kept, else: [{"cookie", header} | kept]
    %{fresh | req_headers: headers}
  end

  def init_test_session(conn, session), do: Plug.Test.init_test_session(conn, session)
  def fetch_flash(conn), do: Phoenix.Controller.fetch_flash(Plug.Conn.fetch_session(conn))

  def response(conn, status) do
    status = Plug.Conn.Status.code(status)

    assert conn.status == status,
           "expected response with status #{status}, got: #{conn.status}, with body:\n#{inspect(conn.resp_body)}"

    conn.resp_body
  end

  def html_response(conn, status), do: typed(conn, status, "html")
  def json_response(conn, status), do: conn |> typed(status, "json") |> Phoenix.json_library().decode!()

  def redirected_to(conn, status \\ 302) do
    assert conn.status == Plug.Conn.Status.code(status),
           "expected redirection with status #{status}, got: #{conn.status}"

    conn |> Plug.Conn.get_resp_header("location") |> hd()
  end

  defp typed(conn, status, kind) do
    body = response(conn, status)
    type = conn |> Plug.Conn.get_resp_header("content-type") |> List.first() || ""
    assert type =~ kind, "no content-type #{kind} in #{inspect(type)}"
    body
  end
end
