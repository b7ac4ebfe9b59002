defmodule XavosWeb.ApiAccess do
  @moduledoc """
  Authenticates API requests: `Authorization: Bearer` with an API key, or with a session token that an earlier plug
  has checked. A request without the header is anonymous, and policies decide. An invalid header is refused here.
  """
  @behaviour Plug

  alias AshAuthentication.Strategy.ApiKey
  alias Plug.Conn
  alias Xavos.RateLimit
  alias XavosWeb.TooMany

  @impl true
  def init(_options),
    # Production initialises plugs while it compiles: what stands here becomes code, so the function is named in full.
    do:
      ApiKey.Plug.init(
        resource: Xavos.Accounts.User,
        required?: false,
        on_error: &XavosWeb.ApiAccess.refuse/2
      )

  @impl true
  def call(%Conn{assigns: %{current_user: %{}}} = conn, _options), do: conn

  def call(conn, options) do
    if Enum.all?(Conn.get_req_header(conn, "authorization"), &key?/1),
      do: ApiKey.Plug.call(conn, options),
      else: refuse(conn, :invalid_api_key)
  end

  # What could not be a key is not looked for.
  defp key?("Bearer " <> key), do: String.printable?(key) and String.trim(key) != ""
  defp key?(_other), do: false

  @doc "Answers 401 as JSON:API has it; 429 to whoever tries one key after the other."
  def refuse(conn, _error) do
    case RateLimit.key(conn.remote_ip) do
      :ok -> unauthorized(conn)
      {:error, seconds} -> TooMany.refuse(conn, seconds, :json)
    end
  end

  defp unauthorized(conn) do
    error = %{
      status: "401",
      code: "unauthorized",
      title: "Unauthorized",
      detail: "The key is unknown, expired or revoked."
    }

    conn
    |> Conn.put_resp_content_type("application/vnd.api+json")
    |> Conn.put_resp_header("www-authenticate", "Bearer")
    |> Conn.send_resp(401, Jason.encode!(%{errors: [error], jsonapi: %{version: "1.0"}}))
    |> Conn.halt()
  end
end
