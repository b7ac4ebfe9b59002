defmodule Plug.Adapters.Test.Conn do
  @moduledoc false

  def conn(method, path, body) do
    uri = URI.parse(path)
    {payload, params, type} = body(body)

    headers = if type, do: [{"content-type", type}], else: []

    %Plug.Conn{
      adapter: {__MODULE__, payload},
      method: method |> to_string() |> String.upcase(),
      host: uri.host || "www.example.com",
      path_info: String.split(uri.path || "/", "/", trim: true),
      request_path: uri.path || "/",
      query_string: uri.query || "",
      req_headers: headers,
      owner: self()
    }
    |> then(&if(params, do: %{&1 | body_params: params, params: params}, else: &1))
  end

  def read_req_body(body, _opts), do: {:ok, body, ""}
  def send_resp(payload, _status, _headers, body), do: {:ok, body, payload}

  defp body(nil), do: {"", nil, nil}
  defp body(text) when is_binary(text), do: {text, nil, nil}
  defp body(params), do: {"", stringify(params), "multipart/mixed"}

  defp stringify(%_{} = struct), do: struct
  defp stringify(params) when is_map(params), do: Map.new(params, fn {k, v} -> {to_string(k), stringify(v)} end)
  defp stringify([{_, _} | _] = params), do: params |> Map.new() |> stringify()
  defp stringify([]), do: %{}
  defp stringify(list) when is_list(list), do: Enum.map(list, &stringify/1)
  defp stringify(other), do: other
end

defmodule Plug.Test do
  @moduledoc "Rehearsal stand-in: test requests without a network."

  defmacro __using__(_) do
    quote do
      import Plug.Test
      import Plug.Conn
    end
  end

  def conn(method, path, body \\ nil), do: Plug.Adapters.Test.Conn.conn(method, path, body)

  def init_test_session(conn, session) do
    session = Map.new(session, fn {key, value} -> {to_string(key), value} end)

    conn
    |> Plug.Conn.put_private(:plug_session, Map.merge(conn.private[:plug_session] || %{}, session))
    |> Plug.Conn.put_private(:plug_session_dirty, true)
  end
end
