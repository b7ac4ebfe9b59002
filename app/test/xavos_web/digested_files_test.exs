defmodule XavosWeb.DigestedFilesTest do
  use ExUnit.Case, async: true

  import Plug.Conn
  import Plug.Test

  alias XavosWeb.DigestedFiles

  @digest String.duplicate("0a", 16)

  setup do
    folder = Path.join(System.tmp_dir!(), "digested-#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(folder, "assets/css"))
    File.write!(Path.join(folder, "assets/css/app-#{@digest}.css"), "digested")
    File.write!(Path.join(folder, "assets/css/app.css"), "plain")
    on_exit(fn -> File.rm_rf!(folder) end)
    {:ok, folder: folder}
  end

  test "a file of this release is kept for ever", %{folder: folder} do
    conn = serve("/assets/css/app-#{@digest}.css", folder)
    assert {200, "digested"} = {conn.status, conn.resp_body}
    assert ["public, max-age=31536000, immutable"] = get_resp_header(conn, "cache-control")
  end

  test "for one of another release stands this release's, which nobody keeps", %{folder: folder} do
    conn = serve("/assets/css/app-#{String.duplicate("ff", 16)}.css?vsn=d", folder)
    assert {200, "plain"} = {conn.status, conn.resp_body}
    assert ["no-store"] = get_resp_header(conn, "cache-control")
  end

  test "what there is in no release is not found, and not kept", %{folder: folder} do
    conn = serve("/assets/css/other-#{@digest}.css", folder)
    assert conn.status == 404
    refute ["public, max-age=31536000, immutable"] == get_resp_header(conn, "cache-control")
  end

  test "other files are as they were", %{folder: folder} do
    conn = serve("/assets/css/app.css", folder)
    assert {200, "plain"} = {conn.status, conn.resp_body}
    assert ["public"] = get_resp_header(conn, "cache-control")
  end

  defp serve(path, folder) do
    static = Plug.Static.init(at: "/", from: folder)

    conn =
      :get
      |> conn(path)
      |> DigestedFiles.call(DigestedFiles.init(folder: folder))
      |> Plug.Static.call(static)

    if conn.halted, do: conn, else: send_resp(conn, 404, "")
  end
end
