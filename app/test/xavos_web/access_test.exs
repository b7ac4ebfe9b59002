defmodule XavosWeb.AccessTest do
  # The limits are of the whole application.
  use XavosWeb.ConnCase, async: false

  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias Xavos.RateLimit

  describe "the first page" do
    test "shows nobody the agents", %{conn: conn} do
      agent(agent_id: "scout-1")
      html = conn |> get(~p"/") |> html_response(200)
      refute html =~ "scout-1"
      assert html =~ "to see the agents"
    end

    test "shows them to whoever is signed in", %{conn: conn} do
      agent(agent_id: "scout-1")
      html = conn |> sign_in(viewer()) |> get(~p"/") |> html_response(200)
      assert html =~ "scout-1"
    end
  end

  describe "signing in" do
    test "by a link that is no good leads back", %{conn: conn} do
      conn = post(conn, "/auth/user/magic_link", %{"token" => "made-up"})
      assert redirected_to(conn) == "/sign-in"
    end

    test "has a page for the link, which uses nothing up by being looked at", %{conn: conn} do
      assert conn |> get("/magic_link?token=abc") |> html_response(200) =~ "Sign in"
    end

    test "offers a password and a link", %{conn: conn} do
      html = conn |> get("/sign-in") |> html_response(200)
      assert html =~ "password"
      assert html =~ "magic"
    end

    test "leads to where somebody wanted to go", %{conn: conn} do
      user = viewer()

      conn =
        conn
        |> Phoenix.ConnTest.init_test_session(%{return_to: "/somewhere"})
        |> post("/auth/user/password/sign_in", %{
          "user" => %{"email" => to_string(user.email), "password" => password()}
        })

      assert redirected_to(conn) == "/somewhere"
    end
  end

  describe "tries to sign in" do
    setup do
      before = Application.fetch_env!(:xavos, RateLimit)
      on_exit(fn -> Application.put_env(:xavos, RateLimit, before) end)
    end

    test "from one machine are so many a minute, and then 429", %{conn: conn} do
      limit(per_client: 3)
      conn = %{conn | remote_ip: {192, 0, 2, System.unique_integer([:positive]) |> rem(250)}}
      for _ <- 1..3, do: assert(guess(conn).status != 429)
      refused = guess(conn)
      assert refused.status == 429
      assert [seconds] = get_resp_header(refused, "retry-after")
      assert String.to_integer(seconds) in 1..60
    end

    test "as one user are so many a minute, also with the right password then", %{conn: conn} do
      limit(per_address: 2)
      user = viewer()
      for _ <- 1..2, do: guess(conn, to_string(user.email))
      conn = sign_in(conn, user)
      refute conn |> get(~p"/") |> html_response(200) =~ to_string(user.email)
    end

    test "by link are so many a minute" do
      limit(per_address: 1)
      assert :ok = RateLimit.sign_in("Ada@example.org", :magic_link)
      assert {:error, seconds} = RateLimit.sign_in("ada@example.org", :magic_link)
      assert seconds in 1..60
    end

    defp limit(changes) do
      before = Application.fetch_env!(:xavos, RateLimit)
      Application.put_env(:xavos, RateLimit, Keyword.merge(before, changes))
    end

    defp guess(conn, address \\ "nobody@example.org") do
      post(conn, "/auth/user/password/sign_in", %{
        "user" => %{"email" => address, "password" => "wrong horse"}
      })
    end
  end

  describe "headers" do
    setup %{conn: conn} do
      {:ok, answer: get(conn, ~p"/")}
    end

    test "let nothing run that is not ours", %{answer: answer} do
      assert [policy] = get_resp_header(answer, "content-security-policy")
      assert policy =~ "default-src 'self'"
      assert policy =~ ~r/script-src 'self' 'nonce-[\w=-]{20,}'/
      assert policy =~ "object-src 'none'"
      assert policy =~ "frame-ancestors 'none'"
      refute policy =~ "unsafe-eval"
    end

    test "are those that Phoenix recommends", %{answer: answer} do
      assert ["nosniff"] = get_resp_header(answer, "x-content-type-options")
      assert ["strict-origin-when-cross-origin"] = get_resp_header(answer, "referrer-policy")
      assert ["DENY"] = get_resp_header(answer, "x-frame-options")
      assert [_policy] = get_resp_header(answer, "permissions-policy")
    end

    test "have another nonce each time", %{conn: conn, answer: answer} do
      assert get_resp_header(answer, "content-security-policy") !=
               get_resp_header(get(conn, ~p"/"), "content-security-policy")
    end

    test "keep the cookie of the session from scripts and from other sites", %{conn: conn} do
      user = viewer()

      conn =
        post(conn, "/auth/user/password/sign_in", %{
          "user" => %{"email" => to_string(user.email), "password" => password()}
        })

      assert [cookie] = Enum.filter(get_resp_header(conn, "set-cookie"), &(&1 =~ "_xavos_key"))
      assert cookie =~ "HttpOnly"
      assert cookie =~ "SameSite=Lax"
    end
  end

  test "no password and no token is ever in a log" do
    filtered =
      Phoenix.Logger.filter_values(
        %{"user" => %{"password" => "hunter2"}, "token" => "t0k"},
        Application.fetch_env!(:phoenix, :filter_parameters)
      )

    assert %{"user" => %{"password" => "[FILTERED]"}, "token" => "[FILTERED]"} = filtered
  end
end
