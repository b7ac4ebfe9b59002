defmodule XavosWeb.PagesTest do
  # `XavosWeb.Access` and the names by which pages ask for it, without a page of their own.
  use XavosWeb.ConnCase, async: true

  import Phoenix.LiveViewTest
  import Xavos.AccountsFactory

  alias Phoenix.LiveView.Socket
  alias Xavos.Accounts
  alias XavosWeb.{Access, LiveUserAuth, RequireOperator}

  @viewer_pages [{Access, :viewer}, {LiveUserAuth, :viewer_required}]
  @operator_pages [{Access, :operator}, {LiveUserAuth, :operator_required}]

  for {module, name} <- @viewer_pages do
    test "#{inspect(module)} #{name} is for viewers and operators" do
      assert {:cont, _socket} = mount(unquote(module), unquote(name), viewer())
      assert {:cont, _socket} = mount(unquote(module), unquote(name), operator())
    end

    test "#{inspect(module)} #{name} leads others elsewhere" do
      assert "/sign-in" = mounted_to(unquote(module), unquote(name), nil)
      assert "/" = mounted_to(unquote(module), unquote(name), agent_account())
    end
  end

  for {module, name} <- @operator_pages do
    test "#{inspect(module)} #{name} is for operators" do
      assert {:cont, _socket} = mount(unquote(module), unquote(name), operator())
    end

    test "#{inspect(module)} #{name} leads others elsewhere" do
      assert "/sign-in" = mounted_to(unquote(module), unquote(name), nil)
      assert "/" = mounted_to(unquote(module), unquote(name), viewer())
      assert "/" = mounted_to(unquote(module), unquote(name), agent_account())
    end
  end

  describe "a page that is for operators" do
    test "is shown to operators" do
      refute ask(operator()).halted
    end

    test "is forbidden to others" do
      for user <- [viewer(), agent_account()] do
        answer = ask(user)
        assert answer.halted
        assert answer.status == 403
      end
    end

    test "leads nobody to where they sign in, and then back" do
      answer = ask(nil)
      assert answer.halted
      assert redirected_to(answer) == "/sign-in"
      assert get_session(answer, :return_to) == "/somewhere?page=2"
    end

    defp ask(user) do
      :get
      |> build_conn("/somewhere?page=2")
      |> init_test_session(%{})
      |> fetch_query_params()
      |> assign(:current_user, user)
      |> RequireOperator.call(RequireOperator.init([]))
    end
  end

  describe "a page that is open" do
    defmodule Page do
      use Phoenix.LiveView

      alias Xavos.Accounts

      on_mount __MODULE__
      on_mount {XavosWeb.Access, :operator}

      def on_mount(:default, _params, %{"id" => id}, socket),
        do: {:cont, assign(socket, current_user: Accounts.get_user!(id, authorize?: false))}

      def render(assigns), do: ~H"for {@current_user.role}s"
    end

    defmodule ViewerPage do
      use Phoenix.LiveView

      on_mount Page
      on_mount {XavosWeb.Access, :viewer}

      def render(assigns), do: ~H"for {@current_user.role}s"
    end

    if not Code.ensure_loaded?(LazyHTML), do: @tag(skip: "lazy_html is not there")

    test "goes on with another role that may see it", %{conn: conn} do
      operator()
      user = operator()
      {:ok, view, html} = live_isolated(conn, ViewerPage, session: %{"id" => user.id})
      assert html =~ "for operators"
      Accounts.set_role!(user, :viewer, authorize?: false)
      assert render(view) =~ "for viewers"
    end

    if not Code.ensure_loaded?(LazyHTML), do: @tag(skip: "lazy_html is not there")

    test "is left by whoever is no operator any more", %{conn: conn} do
      [one, other] = [operator(), operator()]
      {:ok, view, _html} = live_isolated(conn, Page, session: %{"id" => one.id})

      Accounts.set_role!(other, :viewer, authorize?: false)
      Accounts.set_role!(one, :operator, authorize?: false)
      assert render(view) =~ "for operators"

      operator()
      Accounts.set_role!(one, :viewer, authorize?: false)
      assert_redirect(view, "/")
    end
  end

  defp mount(module, name, user) do
    socket = %Socket{assigns: %{__changed__: %{}, flash: %{}, current_user: user}}
    module.on_mount(name, %{}, %{}, socket)
  end

  defp mounted_to(module, name, user) do
    assert {:halt, %{redirected: {:redirect, %{to: place}}}} = mount(module, name, user)
    place
  end
end
