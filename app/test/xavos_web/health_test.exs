defmodule XavosWeb.HealthTest do
  use XavosWeb.ConnCase, async: true

  test "the server says that it is alive", %{conn: conn} do
    assert %{"status" => "ok", "application" => "xavos"} =
             conn |> get("/health") |> json_response(200)
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

  test "not ready while migrations are pending" do
    assert {503, %{pending_migrations: ["1_first"]}} =
             XavosWeb.Health.readiness({:migrations_pending, ["1_first"]})
  end
end
