defmodule Plug.Static do
  @moduledoc "Rehearsal stand-in: serves files below an application's priv/static."
  @behaviour Plug

  defmodule InvalidPathError do
    defexception message: "invalid path for static asset", plug_status: 400
  end

  @types %{
    ".css" => "text/css",
    ".js" => "text/javascript",
    ".txt" => "text/plain",
    ".html" => "text/html",
    ".svg" => "image/svg+xml",
    ".ico" => "image/vnd.microsoft.icon",
    ".png" => "image/png",
    ".json" => "application/json"
  }

  @impl true
  def init(opts), do: opts

  @impl true
  def call(%{method: method, path_info: [first | _] = path} = conn, opts) when method in ["GET", "HEAD"] do
    at = opts |> Keyword.get(:at, "/") |> String.split("/", trim: true)
    relative = if List.starts_with?(path, at), do: Enum.drop(path, length(at)), else: []
    allowed = is_nil(opts[:only]) or first in opts[:only]
    segments = Enum.map(relative, &URI.decode/1)
    if allowed and Enum.any?(segments, &invalid?/1), do: raise(InvalidPathError)
    file = Path.join([root(opts[:from]) | segments])

    if relative != [] and allowed and File.regular?(file) do
      conn
      |> Plug.Conn.put_resp_header("content-type", Map.get(@types, Path.extname(file), "application/octet-stream"))
      |> Plug.Conn.put_resp_header("cache-control", "public")
      |> Plug.Conn.send_file(200, file)
      |> Plug.Conn.halt()
    else
      conn
    end
  end

  def call(conn, _), do: conn

  # Plug 1.16 refuses the same (lib/plug/static.ex, invalid_path?).
  defp invalid?(segment), do: segment in [".", "..", ""] or String.contains?(segment, ["/", "\\", ":", "\0"])

  defp root(app) when is_atom(app), do: Application.app_dir(app, "priv/static")
  defp root({app, path}), do: Application.app_dir(app, path)
  defp root(path), do: path
end

defmodule Plug.RequestId do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, _) do
    id = 15 |> :crypto.strong_rand_bytes() |> Base.url_encode64()
    Logger.metadata(request_id: id)
    Plug.Conn.put_resp_header(conn, "x-request-id", id)
  end
end

defmodule Plug.Telemetry do
  @moduledoc false
  @behaviour Plug
  require Logger

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, opts) do
    start = System.monotonic_time()
    if Keyword.get(opts, :log, :info), do: Logger.info("#{conn.method} #{conn.request_path}")

    Plug.Conn.register_before_send(conn, fn conn ->
      duration = System.monotonic_time() - start
      :telemetry.execute(opts[:event_prefix] ++ [:stop], %{duration: duration}, %{conn: conn})
      Logger.info("Sent #{conn.status} in #{System.convert_time_unit(duration, :native, :millisecond)}ms")
      conn
    end)
  end
end

defmodule Plug.Parsers do
  @moduledoc "Rehearsal stand-in: parses urlencoded, multipart (text fields) and JSON bodies."
  @behaviour Plug
  alias Plug.Conn.Unfetched

  defmodule ParseError do
    defexception [:message, plug_status: 400]
  end

  @impl true
  def init(opts), do: opts

  @impl true
  def call(%{body_params: %Unfetched{}} = conn, opts) do
    conn = Plug.Conn.fetch_query_params(conn)
    {body, conn} = parse(conn, List.first(Plug.Conn.get_req_header(conn, "content-type")) || "", opts)
    params = if is_struct(conn.params, Unfetched), do: %{}, else: conn.params
    %{conn | body_params: body, params: params |> Map.merge(conn.query_params) |> Map.merge(body)}
  end

  def call(conn, _), do: Plug.Conn.fetch_query_params(conn)

  defp parse(conn, "application/x-www-form-urlencoded" <> _, _) do
    {:ok, body, conn} = Plug.Conn.read_body(conn)
    {Plug.Conn.Query.decode(body), conn}
  end

  defp parse(conn, "multipart/form-data" <> _ = type, _) do
    {:ok, body, conn} = Plug.Conn.read_body(conn)
    [_, boundary] = Regex.run(~r/boundary="?([^";]+)/, type)

    query =
      for part <- String.split(body, "--" <> boundary),
          [head, value] <- [String.split(part, "\r\n\r\n", parts: 2)],
          [_, name] <- [Regex.run(~r/name="([^"]*)"/, head)] do
        URI.encode_www_form(name) <> "=" <> URI.encode_www_form(String.trim_trailing(value, "\r\n"))
      end

    {Plug.Conn.Query.decode(Enum.join(query, "&")), conn}
  end

  defp parse(conn, type, opts) do
    if type =~ ~r{^application/([\w.]+\+)?json} and :json in List.wrap(opts[:parsers]) do
      {:ok, body, conn} = Plug.Conn.read_body(conn)
      {json(body, opts[:json_decoder]), conn}
    else
      {%{}, conn}
    end
  end

  defp json("", _), do: %{}

  defp json(body, decoder) do
    case decoder.decode(body) do
      {:ok, %{} = map} -> map
      {:ok, other} -> %{"_json" => other}
      {:error, error} -> raise ParseError, message: "malformed request: #{Exception.message(error)}"
    end
  end
end

defmodule Plug.MethodOverride do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts

  @impl true
  def call(%{method: "POST", body_params: %{"_method" => method}} = conn, _) do
    method = String.upcase(method)
    if method in ["PUT", "PATCH", "DELETE"], do: %{conn | method: method}, else: conn
  end

  def call(conn, _), do: conn
end

defmodule Plug.Head do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts

  @impl true
  def call(%{method: "HEAD"} = conn, _), do: %{conn | method: "GET"}
  def call(conn, _), do: conn
end

defmodule Plug.Session do
  @moduledoc "Rehearsal stand-in: stores the session in one signed cookie."
  @behaviour Plug

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, opts) do
    Plug.Conn.put_private(conn, :plug_session_fetch, fn conn ->
      conn
      |> Plug.Conn.put_private(:plug_session, read(conn, conn.cookies[opts[:key]], opts))
      |> Plug.Conn.register_before_send(&write(&1, opts))
    end)
  end

  def read(conn, cookie, opts) do
    case Plug.Crypto.verify(conn.secret_key_base, opts[:signing_salt], cookie, max_age: :infinity) do
      {:ok, session} -> session
      _ -> %{}
    end
  end

  defp write(%{private: %{plug_session_dirty: true}} = conn, opts) do
    value = Plug.Crypto.sign(conn.secret_key_base, opts[:signing_salt], conn.private.plug_session)
    Plug.Conn.put_resp_cookie(conn, opts[:key], value, Keyword.take(opts, [:same_site, :max_age, :path]))
  end

  defp write(conn, _), do: conn
end

defmodule Plug.CSRFProtection do
  @moduledoc "Rehearsal stand-in: requires the session's token on every request that changes something."
  @behaviour Plug

  defmodule InvalidCSRFTokenError do
    defexception message:
                   "invalid CSRF (Cross Site Request Forgery) token, please make sure that:\n\n" <>
                     "  * The session cookie is being sent and session is loaded\n" <>
                     "  * The request include a valid '_csrf_token' param or 'x-csrf-token' header",
                 plug_status: 403
  end

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, _) do
    stored = Plug.Conn.get_session(conn, "_csrf_token")
    Process.put(:plug_csrf_token, stored)

    if conn.method in ["GET", "HEAD", "OPTIONS"] or conn.private[:plug_skip_csrf_protection] == true or
         allowed?(conn, stored) do
      Plug.Conn.register_before_send(conn, fn conn ->
        case Process.delete(:plug_csrf_token) do
          ^stored -> conn
          nil -> conn
          token -> Plug.Conn.put_session(conn, "_csrf_token", token)
        end
      end)
    else
      raise InvalidCSRFTokenError
    end
  end

  def get_csrf_token do
    with nil <- Process.get(:plug_csrf_token) do
      token = 18 |> :crypto.strong_rand_bytes() |> Base.url_encode64()
      Process.put(:plug_csrf_token, token)
      token
    end
  end

  def delete_csrf_token, do: Process.delete(:plug_csrf_token)

  defp allowed?(conn, stored) do
    given = Map.get(conn.body_params, "_csrf_token") || List.first(Plug.Conn.get_req_header(conn, "x-csrf-token"))
    is_binary(stored) and is_binary(given) and Plug.Crypto.secure_compare(stored, given)
  end
end
