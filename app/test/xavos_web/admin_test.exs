defmodule XavosWeb.AdminTest do
  use XavosWeb.ConnCase, async: true

  import Phoenix.LiveViewTest
  import Xavos.AccountsFactory
  import XavosWeb.SignIn

  test "operators have the admin", %{conn: conn} do
    conn = conn |> sign_in(operator()) |> get("/admin")
    assert html_response(conn, 200) =~ "Admin"
  end

  if not Code.ensure_loaded?(LazyHTML), do: @tag(skip: "lazy_html is not there")

  test "it is live for operators", %{conn: conn} do
    assert {:ok, _view, _html} = conn |> sign_in(operator()) |> live("/admin")
  end

  test "what is done there is done as whoever is signed in, and policies are asked" do
    user = %{role: :operator}
    assigns = XavosWeb.AdminActor.actor_assigns(%{assigns: %{current_user: user}}, %{})
    assert %{actor: ^user, authorizing: true, actor_paused: false} = Map.new(assigns)
    assert Application.fetch_env!(:ash_admin, :actor_plug) == XavosWeb.AdminActor
  end

  test "viewers have not", %{conn: conn} do
    assert conn |> sign_in(viewer()) |> get("/admin") |> response(403) =~ "Only operators"
  end

  test "nobody is led to where they can sign in", %{conn: conn} do
    assert conn |> get("/admin") |> redirected_to() == "/sign-in"
  end

  test "after that they are where they wanted to go", %{conn: conn} do
    operator = operator()
    conn = get(conn, "/admin")

    conn =
      post(conn, "/auth/user/password/sign_in", %{
        "user" => %{"email" => to_string(operator.email), "password" => password()}
      })

    assert redirected_to(conn) == "/admin"
  end
end
