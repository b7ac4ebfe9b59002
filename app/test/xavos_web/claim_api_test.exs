defmodule XavosWeb.ClaimApiTest do
  use XavosWeb.ConnCase, async: true

  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias Xavos.Coordination

  @json_api "application/vnd.api+json"
  @system [authorize?: false]

  setup %{conn: conn} do
    account = agent_account()

    scout =
      Coordination.register_agent!(%{agent_id: unique("scout"), name: "Scout"}, actor: account)

    {:ok, conn: with_api_key(conn, api_key(account)), account: account, scout: scout}
  end

  defp claim(conn, agent_id, more \\ %{}) do
    attributes = Map.put(more, :agent_id, agent_id)

    conn
    |> put_req_header("accept", @json_api)
    |> put_req_header("content-type", @json_api)
    |> post(
      "/api/json/work-items/claim",
      Jason.encode!(%{data: %{type: "work_item", attributes: attributes}})
    )
  end

  defp body(conn, status), do: conn |> response(status) |> Jason.decode!()

  test "an agent gets the best item, and then no more than it can hold", context do
    %{conn: conn, scout: scout} = context
    work_item(priority: :low)
    best = work_item(priority: :critical)

    assert %{"data" => %{"id" => id, "attributes" => %{"status" => "claimed"}}} =
             conn |> claim(scout.agent_id) |> body(201)

    assert id == best.id
    assert %{"errors" => [%{"detail" => detail}]} = conn |> claim(scout.agent_id) |> body(400)
    assert detail =~ "no room"
  end

  test "where nothing waits, nothing is given", %{conn: conn, scout: scout} do
    assert %{"data" => nil} = conn |> claim(scout.agent_id) |> body(201)
  end

  test "an agent can say what kind of work it takes", %{conn: conn, scout: scout} do
    work_item(type: "chore")
    assert %{"data" => nil} = conn |> claim(scout.agent_id, %{types: ["bug"]}) |> body(201)
    assert %{"data" => %{}} = conn |> claim(scout.agent_id, %{types: ["chore"]}) |> body(201)
  end

  test "nobody claims for somebody else's agent", %{conn: conn} do
    item = work_item()
    assert claim(conn, agent().agent_id).status == 403
    assert %{status: :pending} = Coordination.get_work_item!(item.id, @system)
  end

  test "a viewer claims nothing", %{scout: scout} do
    work_item()
    conn = with_api_key(build_conn(), api_key(viewer()))
    assert claim(conn, scout.agent_id).status == 403
  end

  test "an operator claims for any agent", %{scout: scout} do
    work_item()
    conn = with_api_key(build_conn(), api_key(operator()))
    assert %{"data" => %{}} = conn |> claim(scout.agent_id) |> body(201)
  end
end
