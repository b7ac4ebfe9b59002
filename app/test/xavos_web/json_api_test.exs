defmodule XavosWeb.JsonApiTest do
  use XavosWeb.ConnCase, async: true

  test "the API describes itself", %{conn: conn} do
    assert %{"openapi" => "3." <> _} =
             conn |> get("/api/json/open_api") |> response(200) |> Jason.decode!()
  end
end
