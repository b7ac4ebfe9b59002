defmodule XavosWeb.HealthTest do
  use XavosWeb.ConnCase, async: true

  alias Ecto.Adapters.SQL.Sandbox

  test "the server says that it is alive, and which release it is", %{conn: conn} do
    for path <- ["/health", "/health/live"] do
      assert %{"status" => "ok", "application" => "xavos", "version" => version, "revision" => _} =
               conn |> get(path) |> json_response(200)

      assert version == to_string(Application.spec(:xavos, :vsn))
    end
  end

  test "whether it is alive is not asked of the database", %{conn: conn} do
    Sandbox.checkin(Xavos.Repo)
    assert %{"status" => "ok"} = conn |> get("/health/live") |> json_response(200)
  end

  test "the server says that it is ready", %{conn: conn} do
    assert %{"status" => "ready", "database" => "ok"} =
             conn |> get("/health/ready") |> json_response(200)
  end

  test "no cache keeps what was said", %{conn: conn} do
    assert ["no-store"] = conn |> get("/health") |> get_resp_header("cache-control")
  end

  test "not ready without a database" do
    assert {503, %{database: "unreachable", reason: "refused"}} =
             XavosWeb.Health.readiness({:database_unreachable, "refused"})
  end

  test "not ready while the server is about to end" do
    assert {503, %{status: "draining"}} = XavosWeb.Health.readiness(:draining)
  end

  test "not ready while migrations are pending" do
    assert {503, %{pending_migrations: ["1_first"]}} =
             XavosWeb.Health.readiness({:migrations_pending, ["1_first"]})
  end
end
