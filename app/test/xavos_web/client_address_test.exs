defmodule XavosWeb.ClientAddressTest do
  # Trusted proxies are set for all of this VM.
  use XavosWeb.ConnCase, async: false

  alias XavosWeb.ClientAddress

  @proxy {10, 0, 0, 7}
  @client {203, 0, 113, 9}

  setup do
    before = Application.get_env(:xavos, ClientAddress, [])
    on_exit(fn -> Application.put_env(:xavos, ClientAddress, before) end)

    Application.put_env(:xavos, ClientAddress,
      proxies: [{{10, 0, 0, 0}, 8}, {{0, 0, 0, 0, 0, 0, 0, 1}, 128}]
    )
  end

  test "behind a trusted proxy it is what the proxy says" do
    assert @client == ClientAddress.of(@proxy, forwarded("203.0.113.9"))
  end

  test "a chain of trusted proxies is followed to its end" do
    assert @client == ClientAddress.of(@proxy, forwarded("203.0.113.9, 10.0.0.8"))

    assert @client ==
             ClientAddress.of(@proxy, [
               {"x-forwarded-for", "203.0.113.9"},
               {"x-forwarded-for", "10.0.0.8"}
             ])
  end

  test "what the client writes itself stands further left and changes nothing" do
    assert @client == ClientAddress.of(@proxy, forwarded("192.0.2.1, 203.0.113.9"))
    assert @client == ClientAddress.of(@proxy, forwarded("10.0.0.9, 203.0.113.9"))
  end

  test "nobody but a trusted proxy is believed" do
    assert @client == ClientAddress.of(@client, forwarded("192.0.2.1"))
    assert {11, 0, 0, 1} == ClientAddress.of({11, 0, 0, 1}, forwarded("192.0.2.1"))
  end

  test "what is no address ends the chain" do
    assert @proxy == ClientAddress.of(@proxy, forwarded("unknown"))
    assert {10, 0, 0, 8} == ClientAddress.of(@proxy, forwarded("192.0.2.1, _hidden, 10.0.0.8"))
    assert @proxy == ClientAddress.of(@proxy, [])
  end

  test "an address of IPv4 on a socket of IPv6 is the same" do
    mapped = {0, 0, 0, 0, 0, 0xFFFF, 0x0A00, 0x0007}
    assert @client == ClientAddress.of(mapped, forwarded("203.0.113.9"))

    assert {0x2001, 0xDB8, 0, 0, 0, 0, 0, 5} ==
             ClientAddress.of({0, 0, 0, 0, 0, 0, 0, 1}, forwarded("2001:db8::5"))
  end

  test "a request gets it", %{conn: conn} do
    conn = put_req_header(%{conn | remote_ip: @proxy}, "x-forwarded-for", "203.0.113.9")
    assert ClientAddress.call(conn, ClientAddress.init([])).remote_ip == @client
  end

  defp forwarded(value), do: [{"x-forwarded-for", value}]
end
