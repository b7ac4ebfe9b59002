defmodule XavosWeb.ApiTest do
  use XavosWeb.ConnCase, async: true

  import Xavos.AccountsFactory
  import Xavos.Factory
  import XavosWeb.SignIn

  alias AshJsonApi.Domain.Info
  alias OpenApiSpex.OpenApi
  alias OpenApiSpex.OpenApi.Decode
  alias Xavos.{Accounts, Coordination}

  @json_api "application/vnd.api+json"
  @system [authorize?: false]

  setup %{conn: conn} do
    {:ok, conn: put_req_header(conn, "accept", @json_api)}
  end

  defp as(conn, user), do: with_api_key(conn, api_key(user))

  defp send_to(conn, method, path, type, attributes, more \\ %{}) do
    body = %{data: Map.merge(%{type: type, attributes: attributes}, more)}

    conn
    |> put_req_header("content-type", @json_api)
    |> dispatch(@endpoint, method, path, Jason.encode!(body))
  end

  defp body(conn, status), do: conn |> response(status) |> Jason.decode!()

  describe "whoever is not let in" do
    test "reads nothing", %{conn: conn} do
      agent()

      for path <- ~w(agents teams work-items events) do
        assert get(conn, "/api/json/#{path}").status in [401, 403], path
      end
    end

    test "writes nothing", %{conn: conn} do
      conn = send_to(conn, :post, "/api/json/teams", "team", %{name: "rockets"})
      assert conn.status in [401, 403]
      assert [] = Coordination.list_teams!(@system)
    end

    test "with a key that is no good is told so, as JSON:API has it", %{conn: conn} do
      conn = conn |> with_api_key("xavos_made_up") |> get("/api/json/agents")
      assert %{"errors" => [%{"status" => "401", "detail" => detail}]} = body(conn, 401)
      assert detail =~ "unknown, expired or revoked"
      assert ["Bearer"] = get_resp_header(conn, "www-authenticate")
    end

    test "with a key that was revoked is told so", %{conn: conn} do
      key = issued(agent_account())
      Accounts.revoke_api_key!(key, @system)

      assert conn
             |> with_api_key(key.__metadata__.plaintext_api_key)
             |> get("/api/json/agents")
             |> body(401)
    end

    test "with another kind of authorization is told so", %{conn: conn} do
      conn = put_req_header(conn, "authorization", "Basic dXNlcjpwYXNz")
      assert conn |> get("/api/json/agents") |> body(401)
    end
  end

  test "the token of a session lets in as well", %{conn: conn} do
    %{__metadata__: %{token: token}} = viewer()
    conn = put_req_header(conn, "authorization", "Bearer #{token}")
    assert %{"data" => []} = conn |> get("/api/json/agents") |> body(200)
  end

  describe "a viewer" do
    test "reads everything and writes nothing", %{conn: conn} do
      agent = agent()
      conn = as(conn, viewer())

      for path <- ~w(agents teams work-items events),
          do: assert(get(conn, "/api/json/#{path}").status == 200)

      assert send_to(conn, :post, "/api/json/teams", "team", %{name: "rockets"}).status == 403

      assert send_to(conn, :patch, "/api/json/agents/#{agent.id}/heartbeat", "agent", %{}).status in [
               403,
               404
             ]
    end
  end

  describe "an operator" do
    setup %{conn: conn} do
      {:ok, conn: as(conn, operator())}
    end

    test "makes, reads, changes and removes a team", %{conn: conn} do
      assert %{"data" => %{"id" => id}} =
               conn |> send_to(:post, "/api/json/teams", "team", %{name: "rockets"}) |> body(201)

      assert %{"data" => %{"attributes" => %{"title" => "The Rockets"}}} =
               conn
               |> send_to(:patch, "/api/json/teams/#{id}", "team", %{title: "The Rockets"})
               |> body(200)

      assert %{"data" => [%{"id" => ^id}]} = conn |> get("/api/json/teams") |> body(200)
      assert delete(conn, "/api/json/teams/#{id}").status == 200
      assert get(conn, "/api/json/teams/#{id}").status == 404
    end

    test "is told what is wrong, and where", %{conn: conn} do
      assert %{"errors" => [%{"source" => %{"pointer" => pointer}} | _]} =
               conn |> send_to(:post, "/api/json/teams", "team", %{name: "No Good"}) |> body(400)

      assert pointer =~ "name"
    end

    test "adds work that waits for other work", %{conn: conn} do
      work_item(work_item_id: "A")

      assert %{"data" => %{"id" => id, "attributes" => %{"status" => "pending"}}} =
               conn
               |> send_to(:post, "/api/json/work-items", "work_item", %{
                 work_item_id: "B",
                 description: "…",
                 depends_on: ["A"]
               })
               |> body(201)

      assert %{"included" => [%{"attributes" => %{"work_item_id" => "A"}}]} =
               conn |> get("/api/json/work-items/#{id}?include=depends_on") |> body(200)
    end

    test "assigns work", %{conn: conn} do
      [item, agent] = [work_item(), agent()]

      assert %{"data" => %{"attributes" => %{"status" => "claimed"}}} =
               conn
               |> send_to(:patch, "/api/json/work-items/#{item.id}/assign", "work_item", %{
                 agent_id: agent.id
               })
               |> body(200)
    end

    test "filters, sorts and pages", %{conn: conn} do
      for n <- 1..3,
          do: work_item(work_item_id: "W-#{n}", priority: if(n == 2, do: :high, else: :low))

      assert %{"data" => [%{"attributes" => %{"work_item_id" => "W-2"}}]} =
               conn |> get("/api/json/work-items?filter[priority]=high") |> body(200)

      assert %{"data" => [%{"attributes" => %{"work_item_id" => "W-3"}}]} =
               conn |> get("/api/json/work-items?sort=-work_item_id&page[limit]=1") |> body(200)
    end

    test "cannot write an event", %{conn: conn} do
      assert send_to(conn, :post, "/api/json/events", "coordination_event", %{kind: "x"}).status in [
               404,
               405
             ]
    end
  end

  describe "an account of agents" do
    setup %{conn: conn} do
      account = agent_account()
      {:ok, conn: as(conn, account), account: account}
    end

    test "registers an agent, and works through an item with it", %{conn: conn} do
      assert %{"data" => %{"id" => agent_id}} =
               conn
               |> send_to(:post, "/api/json/agents", "agent", %{
                 agent_id: "scout-1",
                 name: "Scout"
               })
               |> body(201)

      item = Coordination.assign_work_item!(work_item(), agent_id, @system)
      step = &send_to(conn, :patch, "/api/json/work-items/#{item.id}/#{&1}", "work_item", &2)

      assert %{"data" => %{"attributes" => %{"status" => "active"}}} =
               conn
               |> send_to(:patch, "/api/json/agents/#{agent_id}/activate", "agent", %{})
               |> body(200)

      assert %{"data" => %{"attributes" => %{"status" => "in_progress"}}} =
               "start" |> step.(%{}) |> body(200)

      assert %{"data" => %{"attributes" => %{"progress" => 50}}} =
               "progress" |> step.(%{progress: 50}) |> body(200)

      assert %{"data" => %{"attributes" => %{"status" => "blocked"}}} =
               "block" |> step.(%{reason: "Waits"}) |> body(200)

      assert "unblock" |> step.(%{}) |> body(200)

      assert %{"data" => %{"attributes" => %{"status" => "completed", "result" => %{"n" => 1}}}} =
               "complete" |> step.(%{result: %{n: 1}}) |> body(200)

      # What is done is done.
      assert %{"errors" => [%{"code" => "no_matching_transition", "detail" => detail}]} =
               "start" |> step.(%{}) |> body(409)

      assert detail =~ "from completed to in_progress"
    end

    test "does nothing with what others hold", %{conn: conn} do
      item = Coordination.assign_work_item!(work_item(), agent().id, @system)
      conn = send_to(conn, :patch, "/api/json/work-items/#{item.id}/start", "work_item", %{})
      assert conn.status in [403, 404]
      assert %{status: :claimed} = Coordination.get_work_item!(item.id, @system)
    end

    test "adds no work and makes no team", %{conn: conn} do
      assert send_to(conn, :post, "/api/json/teams", "team", %{name: "mine"}).status == 403

      assert send_to(conn, :post, "/api/json/work-items", "work_item", %{
               work_item_id: "W",
               description: "…"
             }).status == 403
    end
  end

  describe "the description of the API" do
    setup %{conn: conn} do
      {:ok, spec: conn |> get("/api/json/open_api") |> response(200) |> Jason.decode!()}
    end

    test "is OpenAPI", %{spec: spec} do
      assert %OpenApi{} = decoded = Decode.decode(spec)
      assert decoded.openapi =~ ~r/\A3\./
      assert decoded.info.title
    end

    test "has every route", %{spec: spec} do
      described =
        for {path, methods} <- spec["paths"], {method, _operation} <- methods, do: {method, path}

      for %{method: method, route: route} <- Info.routes(Coordination) do
        path = "/api/json" <> Regex.replace(~r/:(\w+)/, route, "{\\1}")

        found =
          Enum.any?(described, fn {m, p} ->
            m == to_string(method) and String.ends_with?(path, p)
          end)

        assert found, "#{method} #{path}"
      end
    end

    test "refers to nothing that it has not", %{spec: spec} do
      for "#/" <> reference <- references(spec) do
        assert get_in(spec, String.split(reference, "/")), reference
      end
    end

    defp references(%{"$ref" => reference}), do: [reference]
    defp references(%{} = map), do: map |> Map.values() |> Enum.flat_map(&references/1)
    defp references(list) when is_list(list), do: Enum.flat_map(list, &references/1)
    defp references(_value), do: []
  end
end
