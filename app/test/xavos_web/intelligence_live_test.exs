defmodule XavosWeb.IntelligenceLiveTest do
  use XavosWeb.ConnCase, async: false

  import Phoenix.LiveViewTest
  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias Xavos.{Coordination, Intelligence}

  @system [authorize?: false]

  if not Code.ensure_loaded?(LazyHTML), do: @moduletag(skip: "lazy_html is not there")

  setup do
    other = work_item(priority: :low)
    work_item(priority: :critical, depends_on: [other.work_item_id])
    %{item: other}
  end

  defp page(conn, user) do
    {:ok, view, _html} = conn |> sign_in(user) |> live(~p"/intelligence")
    view
  end

  test "nobody is led to where they can sign in", %{conn: conn} do
    assert {:error, {:redirect, %{to: "/sign-in"}}} = live(conn, ~p"/intelligence")
  end

  test "without advice, and without a key, it says so", %{conn: conn} do
    view = page(conn, viewer())
    assert has_element?(view, "#no-advice")
    assert has_element?(view, "#adviser", "a heuristic advises")
  end

  test "an operator asks, and applies", %{conn: conn, item: item} do
    view = page(conn, operator())
    view |> element("button[phx-value-kind=priority]") |> render_click()
    assert render_async(view, 2_000) =~ "By rules, not by a model"
    assert has_element?(view, "td", "low → critical")
    view |> element("button[phx-click=apply]") |> render_click()
    assert has_element?(view, "article[data-status=applied]", "applied")
    assert Coordination.get_work_item!(item.id, @system).priority == :critical
    refute has_element?(view, "button[phx-click=apply]")
  end

  test "an operator dismisses", %{conn: conn, item: item} do
    Intelligence.request_advice!(:priority, @system)
    view = page(conn, operator())
    view |> element("button[phx-click=dismiss]") |> render_click()
    assert has_element?(view, "article[data-status=dismissed]")
    assert Coordination.get_work_item!(item.id, @system).priority == :low
  end

  test "what others ask for is seen", %{conn: conn} do
    view = page(conn, viewer())
    advice = Intelligence.request_advice!(:priority, @system)
    assert render(view) =~ "advice-#{advice.id}"
  end

  test "viewers see no button, and are refused whatever they send", %{conn: conn} do
    advice = Intelligence.request_advice!(:priority, @system)
    view = page(conn, viewer())
    refute has_element?(view, ".board button")

    for {event, params} <- [
          {"ask", %{kind: "priority"}},
          {"apply", %{id: advice.id}},
          {"dismiss", %{id: advice.id}}
        ] do
      assert render_click(view, event, params) =~ "Only operators may do that."
    end

    assert Intelligence.get_advice!(advice.id, @system).status == :proposed
    assert [_] = Intelligence.list_advices!(authorize?: false, page: false)
  end

  test "what is no question is no trouble", %{conn: conn} do
    view = page(conn, operator())
    assert render_click(view, "ask", %{kind: "weather"}) =~ "not understood"
    assert render_click(view, "explode", %{}) =~ "not understood"
  end
end
