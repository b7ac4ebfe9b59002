defmodule XavosWeb.TooMany do
  @moduledoc "Answers 429 after too many attempts, with the header `retry-after`."

  alias Plug.Conn

  @doc "Answers in JSON:API's form, or as text."
  @spec refuse(Conn.t(), pos_integer, :json | :text) :: Conn.t()
  def refuse(conn, seconds, form) do
    conn
    |> Conn.put_resp_header("retry-after", to_string(seconds))
    |> answer(form, "Too many tries. The next may be in #{seconds} s.")
    |> Conn.halt()
  end

  defp answer(conn, :text, detail) do
    conn
    |> Conn.put_resp_content_type("text/plain")
    |> Conn.send_resp(429, detail)
  end

  defp answer(conn, :json, detail) do
    error = %{
      status: "429",
      code: "too_many_requests",
      title: "Too many requests",
      detail: detail
    }

    conn
    |> Conn.put_resp_content_type("application/vnd.api+json")
    |> Conn.send_resp(429, Jason.encode!(%{errors: [error], jsonapi: %{version: "1.0"}}))
  end
end
