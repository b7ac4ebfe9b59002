defmodule XavosWeb.AuthTest do
  use XavosWeb.ConnCase, async: true

  @credentials %{"email" => "ada@example.org", "password" => "correct horse battery"}

  defp register(conn, changes \\ %{}) do
    user =
      Map.merge(Map.put(@credentials, "password_confirmation", @credentials["password"]), changes)

    post(conn, "/auth/user/password/register", %{"user" => user})
  end

  defp sign_in(conn, changes \\ %{}) do
    post(conn, "/auth/user/password/sign_in", %{"user" => Map.merge(@credentials, changes)})
  end

  test "there is a page to register and one to sign in", %{conn: conn} do
    assert conn |> get("/register") |> html_response(200) =~ "password"
    assert conn |> get("/sign-in") |> html_response(200) =~ "password"
  end

  test "who registers is signed in", %{conn: conn} do
    conn = register(conn)
    assert redirected_to(conn) == "/"
    assert conn |> get("/") |> html_response(200) =~ "ada@example.org"
  end

  test "who has registered can sign in again", %{conn: conn} do
    register(conn)
    conn = sign_in(build_conn())
    assert redirected_to(conn) == "/"
    assert conn |> get("/") |> html_response(200) =~ "ada@example.org"
  end

  test "a wrong password leads back to the sign-in page", %{conn: conn} do
    register(conn)
    conn = sign_in(build_conn(), %{"password" => "wrong horse"})
    assert redirected_to(conn) == "/sign-in"
    refute conn |> get("/") |> html_response(200) =~ "ada@example.org"
  end

  test "passwords that differ register nobody", %{conn: conn} do
    conn = register(conn, %{"password_confirmation" => "other"})
    assert redirected_to(conn) in ["/register", "/sign-in"]
    refute conn |> get("/") |> html_response(200) =~ "ada@example.org"
  end
end
