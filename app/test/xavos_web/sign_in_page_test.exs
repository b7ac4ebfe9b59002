defmodule XavosWeb.SignInPageTest do
  # The limits are of the whole application.
  use XavosWeb.ConnCase, async: false

  import Phoenix.LiveViewTest
  import Swoosh.TestAssertions
  import Xavos.AccountsFactory

  alias Xavos.RateLimit

  # The pages are looked at with it.
  @compile {:no_warn_undefined, LazyHTML}
  if not Code.ensure_loaded?(LazyHTML), do: @moduletag(skip: "lazy_html is not there")

  @wrong "wrong horse battery"

  describe "the form for a password" do
    test "signs in", %{conn: conn} do
      user = viewer()
      {_view, form} = fill_in(conn, to_string(user.email), password())
      assert {:error, {:redirect, %{to: place}}} = render_submit(form)
      conn = get(conn, place)
      assert redirected_to(conn) == "/"
      assert conn |> get(~p"/") |> html_response(200) =~ to_string(user.email)
    end

    test "says the same to a wrong password as to an address that nobody has", %{conn: conn} do
      user = viewer()
      assert refusal(conn, to_string(user.email)) == refusal(conn, "nobody@example.org")
    end

    test "says the same to whoever tries too often, even with the right password", %{conn: conn} do
      limit(per_address: 1)
      address = to_string(viewer().email)
      usual = refusal(conn, address)
      assert refusal(conn, address, password()) == usual
    end

    test "refuses an account of agents", %{conn: conn} do
      address = to_string(agent_account().email)
      assert refusal(conn, address) == refusal(conn, "nobody@example.org")
    end
  end

  describe "the form for a link" do
    test "says the same to everybody, and mails users alone", %{conn: conn} do
      user = viewer()
      answer = ask_for_link(conn, to_string(user.email))
      address = to_string(user.email)
      assert_email_sent(fn email -> assert [{_name, ^address}] = email.to end)

      assert ask_for_link(conn, "nobody@example.org") == answer
      assert ask_for_link(conn, to_string(agent_account().email)) == answer
      assert_no_email_sent()
    end

    test "mails so many a minute, and does not say so", %{conn: conn} do
      limit(per_address: 1)
      address = to_string(viewer().email)
      answer = ask_for_link(conn, address)
      assert_email_sent()
      assert ask_for_link(conn, address) == answer
      assert_no_email_sent()
    end
  end

  describe "every form counts the machine that it comes from, whatever addresses are tried" do
    setup do
      forget_this_machine()
      limit(per_client: 2)
    end

    test "that for a password", %{conn: conn} do
      user = to_string(viewer().email)
      usual = refusal(conn, "somebody@example.org")
      refusal(conn, "somebody-else@example.org")
      assert refusal(conn, user, password()) == usual
      forget_this_machine()
      {_view, form} = fill_in(conn, user, password())
      assert {:error, {:redirect, %{to: _signed_in}}} = render_submit(form)
    end

    test "that for a link, without saying so", %{conn: conn} do
      user = to_string(viewer().email)
      answer = ask_for_link(conn, "somebody@example.org")
      ask_for_link(conn, "somebody-else@example.org")
      assert ask_for_link(conn, user) == answer
      assert_no_email_sent()
      forget_this_machine()
      ask_for_link(conn, user)
      assert_email_sent()
    end

    test "that for a new account", %{conn: conn} do
      for number <- 1..2, do: register(conn, "somebody-#{number}@example.org")
      refused = register(conn, "somebody-3@example.org")
      assert refused =~ "tried too often"
      assert length(Xavos.Accounts.list_users!(authorize?: false)) == 2
    end

    test "and all of them together", %{conn: conn} do
      refusal(conn, "somebody@example.org")
      ask_for_link(conn, "somebody@example.org")
      assert register(conn, "somebody@example.org") =~ "tried too often"
      assert conn |> post("/auth/user/magic_link", %{"token" => "x"}) |> response(429)
    end
  end

  test "the form for a new account counts the address as well", %{conn: conn} do
    limit(per_address: 1)
    address = "new-#{System.unique_integer([:positive])}@example.org"
    refute register(conn, address) =~ "tried too often"
    assert register(conn, address) =~ "tried too often"
  end

  test "whoever opens the link and says so is signed in", %{conn: conn} do
    user = viewer()
    ask_for_link(conn, to_string(user.email))
    assert_received {:email, %{text_body: text}}
    [_, token] = Regex.run(~r{/magic_link\?token=(\S+)}, text)

    conn = post(conn, "/auth/user/magic_link", %{"token" => token})
    assert redirected_to(conn) == "/"
    assert conn |> get(~p"/") |> html_response(200) =~ to_string(user.email)
  end

  for path <- ["/", "/sign-in", "/register", "/magic_link?token=abc"] do
    test "#{path} keeps to the policy of its scripts", %{conn: conn} do
      conn = get(conn, unquote(path))
      [policy] = get_resp_header(conn, "content-security-policy")
      [_, nonce] = Regex.run(~r/'nonce-([^']+)'/, policy)
      page = conn |> html_response(200) |> LazyHTML.from_document()

      # A script is a file of ours, or carries the nonce.
      for script <- LazyHTML.query(page, "script"),
          source = script |> LazyHTML.attribute("src") |> List.first("") do
        assert String.starts_with?(source, "/") or LazyHTML.attribute(script, "nonce") == [nonce]
      end

      for name <- ~w(onclick onload onsubmit onchange onerror),
          do: assert(LazyHTML.attribute(LazyHTML.query(page, "[#{name}]"), name) == [])
    end
  end

  test "over TLS the cookie of the session goes back over TLS only", %{conn: conn} do
    user = viewer()

    conn =
      post(conn, "https://www.example.com/auth/user/password/sign_in", %{
        "user" => %{"email" => to_string(user.email), "password" => password()}
      })

    assert [cookie] = Enum.filter(get_resp_header(conn, "set-cookie"), &(&1 =~ "_xavos_key"))
    assert cookie =~ "secure"
  end

  defp fill_in(conn, address, password) do
    {:ok, view, _html} = live(conn, "/sign-in")

    {view,
     form(view, "form[action*='password/sign_in']", user: %{email: address, password: password})}
  end

  defp register(conn, address) do
    {:ok, view, _html} = live(conn, "/register")

    view
    |> form("form[action*='password/register']",
      user: %{email: address, password: password(), password_confirmation: password()}
    )
    |> render_submit()
    |> case do
      html when is_binary(html) -> html
      _signed_in -> ""
    end
  end

  # What others have tried in this minute does not count.
  defp forget_this_machine, do: RateLimit.set("request:127.0.0.1", :timer.minutes(1), 0)

  # What the page says, without what was typed into it.
  defp refusal(conn, address, password \\ @wrong) do
    {view, form} = fill_in(conn, address, password)
    render_submit(form)
    text(view, address)
  end

  defp ask_for_link(conn, address) do
    {:ok, view, _html} = live(conn, "/sign-in")
    view |> form("form[action*='magic_link']", user: %{email: address}) |> render_submit()
    text(view, address)
  end

  defp text(view, address) do
    view
    |> render()
    |> LazyHTML.from_fragment()
    |> LazyHTML.text()
    |> String.replace(address, "…")
    |> String.split()
  end

  defp limit(changes) do
    before = Application.fetch_env!(:xavos, RateLimit)
    Application.put_env(:xavos, RateLimit, Keyword.merge(before, changes))
    on_exit(fn -> Application.put_env(:xavos, RateLimit, before) end)
  end
end
