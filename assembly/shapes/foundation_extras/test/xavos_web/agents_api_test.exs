defmodule XavosWeb.AgentsApiTest do
  use XavosWeb.ConnCase, async: true

  setup %{conn: conn} do
    media = "application/vnd.api+json"
    {:ok, conn: conn |> put_req_header("accept", media) |> put_req_header("content-type", media)}
  end

  test "agents are listed", %{conn: conn} do
    Xavos.Coordination.register_agent!(%{agent_id: "scout-1", name: "Scout"})

    assert %{"data" => [%{"type" => "agent", "attributes" => %{"agent_id" => "scout-1"}}]} =
             conn |> get("/api/json/agents") |> json_response(200)
  end

  test "an agent registers", %{conn: conn} do
    agent = %{data: %{type: "agent", attributes: %{agent_id: "scout-2", name: "Scout"}}}

    assert %{"data" => %{"id" => _}} =
             conn |> post("/api/json/agents", Jason.encode!(agent)) |> json_response(201)

    assert {:ok, %{status: :registering}} = Xavos.Coordination.get_agent_by_agent_id("scout-2")
  end
end
