defmodule XavosWeb.PageControllerTest do
  use XavosWeb.ConnCase

  test "the first page says what it is", %{conn: conn} do
    conn = get(conn, ~p"/")
    assert html_response(conn, 200) =~ "XAVOS"
  end
end
