defmodule XavosWeb.ApiAccessTest do
  # The limits are of the whole application.
  use XavosWeb.ConnCase, async: false

  import Xavos.AccountsFactory
  import XavosWeb.SignIn

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.{Accounts, RateLimit}
  alias Xavos.Accounts.User

  @system [authorize?: false]

  describe "the API lets in" do
    test "nobody as nobody", %{conn: conn} do
      conn = api(conn)
      refute conn.halted
      assert Ash.PlugHelpers.get_actor(conn) == nil
    end

    test "whoever shows a key, as its user", %{conn: conn} do
      %{id: id} = account = agent_account()
      assert %{id: ^id, role: :agent} = conn |> with_api_key(api_key(account)) |> actor()
    end

    test "an operator's key as the operator", %{conn: conn} do
      assert %{role: :operator} = conn |> with_api_key(api_key(operator())) |> actor()
    end

    test "whoever shows the token of a session, as its user", %{conn: conn} do
      %{id: id} = user = viewer()
      assert %{id: ^id} = conn |> with_api_key(user.__metadata__.token) |> actor()
    end
  end

  describe "the API refuses" do
    test "a key that somebody has made up", %{conn: conn} do
      assert_refused(with_api_key(conn, "xavos_made_up"))
    end

    test "a header that is something else", %{conn: conn} do
      assert_refused(put_req_header(conn, "authorization", "Basic YTpi"))
    end

    test "what could not be a key", %{conn: conn} do
      for key <- ["", "  ", "_", "__", "xavos__", "xavos_1_1_1", <<255, 255>>, "a.b.c"],
          do: assert_refused(with_api_key(conn, key))
    end

    test "a revoked key", %{conn: conn} do
      key = issued(agent_account())
      Accounts.revoke_api_key!(key, @system)
      assert_refused(with_api_key(conn, key.__metadata__.plaintext_api_key))
    end

    test "an expired key", %{conn: conn} do
      key = api_key(agent_account())
      Xavos.Repo.query!("UPDATE api_keys SET expires_at = now() - interval '1 second'")
      assert_refused(with_api_key(conn, key))
    end

    test "the token of a session that has ended", %{conn: conn} do
      token = viewer().__metadata__.token
      :ok = AshAuthentication.TokenResource.revoke(Xavos.Accounts.Token, token)
      assert_refused(with_api_key(conn, token))
    end

    test "a token that is for something else than a session", %{conn: conn} do
      user = viewer()

      :ok =
        User |> Info.strategy!(:magic_link) |> Strategy.action(:request, %{"email" => user.email})

      assert_received {:email, email}
      [_, token] = Regex.run(~r{/magic_link\?token=(\S+)}, email.text_body)
      assert_refused(with_api_key(conn, token))
    end

    test "whoever tries one key after the other, and says when to come back", %{conn: conn} do
      limit(per_client: 2)
      conn = conn |> from_somewhere() |> with_api_key("xavos_made_up")
      for _ <- 1..2, do: assert_refused(conn)

      refused = api(conn)
      assert %{"errors" => [%{"status" => "429"}]} = json(refused, 429)
      assert [seconds] = get_resp_header(refused, "retry-after")
      assert String.to_integer(seconds) in 1..60
    end

    test "nobody who shows a good key, however often", %{conn: conn} do
      limit(per_client: 1)
      conn = conn |> from_somewhere() |> with_api_key(api_key(agent_account()))
      for _ <- 1..3, do: assert(%{role: :agent} = actor(conn))
    end
  end

  defp api(conn) do
    conn
    |> put_private(:phoenix_endpoint, XavosWeb.Endpoint)
    |> put_req_header("accept", "application/json")
    |> XavosWeb.Router.api([])
  end

  defp actor(conn), do: conn |> api() |> Ash.PlugHelpers.get_actor()

  defp assert_refused(conn) do
    conn = api(conn)
    assert conn.halted
    assert %{"errors" => [%{"status" => "401", "title" => "Unauthorized"}]} = json(conn, 401)
    assert ["Bearer"] = get_resp_header(conn, "www-authenticate")
  end

  defp json(conn, status) do
    assert ["application/vnd.api+json" <> _] = get_resp_header(conn, "content-type")
    conn |> response(status) |> Jason.decode!()
  end

  defp from_somewhere(conn),
    do: %{conn | remote_ip: {198, 51, 100, rem(System.unique_integer([:positive]), 250)}}

  defp limit(changes) do
    before = Application.fetch_env!(:xavos, RateLimit)
    Application.put_env(:xavos, RateLimit, Keyword.merge(before, changes))
    on_exit(fn -> Application.put_env(:xavos, RateLimit, before) end)
  end
end
