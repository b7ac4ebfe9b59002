defmodule Xavos.DrainingTest do
  # Whether this VM drains is said for all of it.
  use XavosWeb.ConnCase, async: false

  alias Xavos.Draining

  setup do
    on_exit(fn -> :persistent_term.put({Draining, :draining?}, false) end)
  end

  test "a server that ends is not ready any more, and still answers", %{conn: conn} do
    end_server(stopping?: fn -> true end)
    assert Draining.draining?()
    assert %{"status" => "draining"} = conn |> get("/health/ready") |> json_response(503)
    assert %{"status" => "ok"} = conn |> get("/health/live") |> json_response(200)
    assert conn |> get("/") |> html_response(200)
  end

  test "its answers are the last on their connections", %{conn: conn} do
    assert [] = conn |> get("/") |> get_resp_header("connection")
    end_server(stopping?: fn -> true end)
    assert ["close"] = conn |> get("/") |> get_resp_header("connection")
  end

  test "a child that its supervisor gives up does not make the server drain" do
    end_server(stopping?: fn -> false end)
    refute Draining.draining?()
  end

  test "its supervisor waits longer than it drains" do
    assert %{shutdown: shutdown} = Draining.child_spec(seconds: 7)
    assert shutdown > 7_000
  end

  test "it is the last child of the application, so that it is ended first" do
    [{last, _pid, _type, _modules} | _] = Supervisor.which_children(Xavos.Supervisor)
    assert last == Draining
  end

  defp end_server(options) do
    pid = start_supervised!({Draining, [seconds: 0] ++ options})
    GenServer.stop(pid, :shutdown)
  end
end
