defmodule XavosWeb.SignIn do
  @moduledoc "Connections of somebody who is signed in, for tests."

  import Phoenix.ConnTest
  import Plug.Conn

  @endpoint XavosWeb.Endpoint

  @doc "A browser in which `user` has signed in by password."
  def sign_in(conn, user) do
    credentials = %{
      "email" => to_string(user.email),
      "password" => Xavos.AccountsFactory.password()
    }

    conn
    |> post("/auth/user/password/sign_in", %{"user" => credentials})
    |> recycle()
  end

  @doc "A program that shows `key`."
  def with_api_key(conn, key), do: put_req_header(conn, "authorization", "Bearer #{key}")
end
