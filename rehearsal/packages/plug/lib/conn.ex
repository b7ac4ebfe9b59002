defmodule Plug.Conn.Unfetched do
  @moduledoc false
  defstruct [:aspect]

  @behaviour Access
  @impl true
  def fetch(_, _), do: :error
  @impl true
  def get_and_update(_, _, _), do: raise("not fetched yet")
  @impl true
  def pop(_, _), do: raise("not fetched yet")
end

defmodule Plug.Conn do
  @moduledoc "Rehearsal stand-in: an HTTP request and its response."

  alias Plug.Conn.Unfetched

  defstruct adapter: {nil, nil},
            assigns: %{},
            body_params: %Unfetched{aspect: :body_params},
            cookies: %Unfetched{aspect: :cookies},
            halted: false,
            host: "localhost",
            method: "GET",
            owner: nil,
            params: %Unfetched{aspect: :params},
            path_info: [],
            path_params: %{},
            port: 80,
            private: %{before_send: []},
            query_params: %Unfetched{aspect: :query_params},
            query_string: "",
            remote_ip: {127, 0, 0, 1},
            req_cookies: %Unfetched{aspect: :cookies},
            req_headers: [],
            request_path: "/",
            resp_body: nil,
            resp_cookies: %{},
            resp_headers: [{"cache-control", "max-age=0, private, must-revalidate"}],
            scheme: :http,
            script_name: [],
            secret_key_base: nil,
            state: :unset,
            status: nil

  @type t :: %__MODULE__{}

  defmodule NotSentError do
    defexception message: "a response was neither set nor sent from the connection"
  end

  defmodule AlreadySentError do
    defexception message: "the response was already sent"
  end

  @statuses %{
    ok: 200,
    created: 201,
    accepted: 202,
    no_content: 204,
    moved_permanently: 301,
    found: 302,
    see_other: 303,
    not_modified: 304,
    bad_request: 400,
    unauthorized: 401,
    forbidden: 403,
    not_found: 404,
    method_not_allowed: 405,
    not_acceptable: 406,
    conflict: 409,
    unsupported_media_type: 415,
    unprocessable_entity: 422,
    unprocessable_content: 422,
    too_many_requests: 429,
    internal_server_error: 500,
    not_implemented: 501,
    bad_gateway: 502,
    service_unavailable: 503
  }

  def code(status) when is_integer(status), do: status
  def code(status) when is_atom(status), do: Map.fetch!(@statuses, status)

  def assign(conn, key, value), do: %{conn | assigns: Map.put(conn.assigns, key, value)}
  def merge_assigns(conn, values), do: %{conn | assigns: Map.merge(conn.assigns, Map.new(values))}
  def put_private(conn, key, value), do: %{conn | private: Map.put(conn.private, key, value)}
  def merge_private(conn, values), do: %{conn | private: Map.merge(conn.private, Map.new(values))}
  def put_status(conn, nil), do: %{conn | status: nil}
  def put_status(conn, status), do: %{conn | status: code(status)}
  def halt(conn), do: %{conn | halted: true}

  def get_req_header(conn, key), do: for({^key, value} <- conn.req_headers, do: value)
  def put_req_header(conn, key, value), do: %{conn | req_headers: List.keystore(conn.req_headers, key, 0, {key, value})}
  def get_http_protocol(_conn), do: :"HTTP/1.1"
  def get_resp_header(conn, key), do: for({^key, value} <- conn.resp_headers, do: value)

  def put_resp_header(conn, key, value) do
    %{conn | resp_headers: List.keystore(conn.resp_headers, key, 0, {key, value})}
  end

  def merge_resp_headers(conn, headers), do: Enum.reduce(headers, conn, fn {k, v}, c -> put_resp_header(c, k, v) end)

  def put_resp_content_type(conn, type, charset \\ "utf-8")
  def put_resp_content_type(conn, type, nil), do: put_resp_header(conn, "content-type", type)

  def put_resp_content_type(conn, type, charset) do
    put_resp_header(conn, "content-type", "#{type}; charset=#{charset}")
  end

  def fetch_query_params(conn, _opts \\ [])

  def fetch_query_params(%{query_params: %Unfetched{}} = conn, _) do
    query = Plug.Conn.Query.decode(conn.query_string)
    params = if is_struct(conn.params, Unfetched), do: query, else: Map.merge(query, conn.params)
    %{conn | query_params: query, params: params}
  end

  def fetch_query_params(conn, _), do: conn

  def fetch_cookies(conn, _opts \\ [])

  def fetch_cookies(%{req_cookies: %Unfetched{}} = conn, _) do
    cookies =
      for header <- get_req_header(conn, "cookie"), pair <- String.split(header, ";"), into: %{} do
        case String.split(String.trim(pair), "=", parts: 2) do
          [name, value] -> {name, value}
          [name] -> {name, ""}
        end
      end

    sent = for {name, %{value: value}} <- conn.resp_cookies, into: %{}, do: {name, value}
    %{conn | req_cookies: cookies, cookies: Map.merge(cookies, sent)}
  end

  def fetch_cookies(conn, _), do: conn

  def put_resp_cookie(conn, name, value, opts \\ []) do
    cookie = opts |> Map.new() |> Map.put(:value, value)
    cookie = if conn.scheme == :https, do: Map.put_new(cookie, :secure, true), else: cookie
    cookies = if is_struct(conn.cookies, Unfetched), do: conn.cookies, else: Map.put(conn.cookies, name, value)
    %{conn | resp_cookies: Map.put(conn.resp_cookies, name, cookie), cookies: cookies}
  end

  def register_before_send(conn, fun) do
    put_private(conn, :before_send, [fun | conn.private[:before_send] || []])
  end

  def read_body(%{adapter: {adapter, payload}} = conn, opts \\ []) do
    {status, body, payload} = adapter.read_req_body(payload, opts)
    {status, body, %{conn | adapter: {adapter, payload}}}
  end

  def resp(conn, status, body), do: %{conn | status: code(status), resp_body: body, state: :set}
  def send_resp(conn, status, body), do: conn |> resp(status, body) |> send_resp()

  def send_resp(%{state: :set, adapter: {adapter, payload}} = conn) do
    conn = Enum.reduce(conn.private[:before_send] || [], conn, & &1.(&2))
    body = if conn.method == "HEAD", do: "", else: IO.iodata_to_binary(conn.resp_body)
    headers = conn.resp_headers ++ cookie_headers(conn.resp_cookies)
    {:ok, _sent, payload} = adapter.send_resp(payload, conn.status, headers, body)
    send(conn.owner || self(), {:plug_conn, :sent})
    %{conn | adapter: {adapter, payload}, resp_body: body, resp_headers: headers, state: :sent}
  end

  def send_resp(%{state: :unset}), do: raise(NotSentError)
  def send_resp(_), do: raise(AlreadySentError)

  def send_file(conn, status, path), do: send_resp(conn, status, File.read!(path))

  def fetch_session(conn, _opts \\ []) do
    case conn.private do
      %{plug_session: _} -> conn
      %{plug_session_fetch: fetch} -> fetch.(fetch_cookies(conn))
      _ -> raise ArgumentError, "cannot fetch session without a configured session plug"
    end
  end

  def get_session(conn), do: session(conn)
  def get_session(conn, key, default \\ nil), do: Map.get(session(conn), to_string(key), default)
  def put_session(conn, key, value), do: write_session(conn, Map.put(session(conn), to_string(key), value))
  def delete_session(conn, key), do: write_session(conn, Map.delete(session(conn), to_string(key)))
  def clear_session(conn), do: write_session(conn, %{})
  def configure_session(conn, opts), do: put_private(conn, :plug_session_info, opts)

  defp session(%{private: %{plug_session: session}}), do: session
  defp session(_), do: raise(ArgumentError, "session not fetched, call fetch_session/2")

  defp write_session(conn, session) do
    session(conn)
    conn |> put_private(:plug_session, session) |> put_private(:plug_session_dirty, true)
  end

  defp cookie_headers(cookies) do
    for {name, cookie} <- cookies do
      attributes = [
        "path=" <> Map.get(cookie, :path, "/"),
        cookie[:max_age] && "max-age=#{cookie.max_age}",
        cookie[:secure] && "secure",
        Map.get(cookie, :http_only, true) && "HttpOnly",
        cookie[:same_site] && "SameSite=#{cookie.same_site}"
      ]

      {"set-cookie", Enum.join(["#{name}=#{cookie.value}" | Enum.filter(attributes, & &1)], "; ")}
    end
  end
end

defmodule Plug.Conn.Query do
  @moduledoc false

  def decode(nil), do: %{}
  def decode(""), do: %{}

  def decode(query) do
    query
    |> String.split("&", trim: true)
    |> Enum.reduce(%{}, fn pair, acc ->
      [key | value] = String.split(pair, "=", parts: 2)
      put(acc, keys(URI.decode_www_form(key)), URI.decode_www_form(List.first(value) || ""))
    end)
  end

  def encode(params),
    do: params |> pairs(nil) |> Enum.map_join("&", fn {k, v} -> k <> "=" <> URI.encode_www_form(v) end)

  defp pairs(params, prefix) do
    Enum.flat_map(params, fn {key, value} ->
      name = if prefix, do: "#{prefix}[#{key}]", else: to_string(key)

      cond do
        is_struct(value) -> [{name, to_string(value)}]
        is_map(value) -> pairs(value, name)
        is_list(value) -> Enum.map(value, &{name <> "[]", to_string(&1)})
        true -> [{name, to_string(value)}]
      end
    end)
  end

  defp keys(key) do
    case String.split(key, "[") do
      [key] -> [key]
      [first | rest] -> [first | Enum.map(rest, &String.trim_trailing(&1, "]"))]
    end
  end

  defp put(map, [key], value) when is_map(map), do: Map.put(map, key, value)
  defp put(map, [key, ""], value), do: Map.update(map, key, [value], &(List.wrap(&1) ++ [value]))

  defp put(map, [key | rest], value) do
    inner = if is_map(map[key]), do: map[key], else: %{}
    Map.put(map, key, put(inner, rest, value))
  end
end

defmodule Plug.Conn.Status do
  @moduledoc false

  @phrases %{
    200 => "OK",
    201 => "Created",
    204 => "No Content",
    301 => "Moved Permanently",
    302 => "Found",
    303 => "See Other",
    304 => "Not Modified",
    400 => "Bad Request",
    401 => "Unauthorized",
    403 => "Forbidden",
    404 => "Not Found",
    405 => "Method Not Allowed",
    406 => "Not Acceptable",
    409 => "Conflict",
    415 => "Unsupported Media Type",
    422 => "Unprocessable Content",
    500 => "Internal Server Error",
    503 => "Service Unavailable"
  }

  def code(status), do: Plug.Conn.code(status)
  def reason_phrase(status), do: Map.get(@phrases, status, "Status #{status}")
end
