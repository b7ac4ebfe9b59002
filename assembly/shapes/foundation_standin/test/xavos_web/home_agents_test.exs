defmodule XavosWeb.HomeAgentsTest do
  use XavosWeb.ConnCase, async: true

  test "the page says that no agent has registered", %{conn: conn} do
    assert conn |> get(~p"/") |> html_response(200) =~ "No agent has registered yet."
  end

  test "the page lists the agents", %{conn: conn} do
    Xavos.Coordination.register_agent!(%{agent_id: "scout-1", name: "Scout", status: :busy})
    html = conn |> get(~p"/") |> html_response(200)
    assert html =~ "scout-1"
    assert html =~ ~s(data-status="busy")
  end
end
