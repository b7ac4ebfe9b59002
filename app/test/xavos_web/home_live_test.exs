defmodule XavosWeb.HomeLiveTest do
  use XavosWeb.ConnCase, async: true

  test "the page carries its title", %{conn: conn} do
    assert conn |> get(~p"/") |> html_response(200) =~ ~r/<title[^>]*>\s*XAVOS\s*</
  end
end
