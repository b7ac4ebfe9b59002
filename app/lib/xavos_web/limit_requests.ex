defmodule XavosWeb.LimitRequests do
  @moduledoc "Answers 429 after too many attempts to sign in, with the header `retry-after`."
  @behaviour Plug

  alias Xavos.RateLimit
  alias XavosWeb.TooMany

  @impl true
  def init(options), do: options

  @impl true
  def call(%Plug.Conn{method: "POST", path_info: ["auth" | _]} = conn, _options) do
    case RateLimit.request(conn.remote_ip) do
      :ok -> conn
      {:error, seconds} -> TooMany.refuse(conn, seconds, :text)
    end
  end

  def call(conn, _options), do: conn
end
