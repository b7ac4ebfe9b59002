defmodule XavosWeb.ClientAddress do
  @moduledoc """
  The address of the client behind a proxy: as a plug, it sets `remote_ip` of a request.

  `x-forwarded-for` is believed only if the request comes from a trusted proxy (`TRUSTED_PROXIES`, and this machine), and
  only from the right: the nearest address that is no trusted proxy is the client. What a client writes into that header
  itself stands further left and changes nothing.
  """
  @behaviour Plug

  import Bitwise

  @header "x-forwarded-for"

  @impl true
  def init(options), do: options

  @impl true
  def call(conn, _options), do: %{conn | remote_ip: of(conn.remote_ip, conn.req_headers)}

  @doc "The client's address of a connection from `peer` with these headers."
  @spec of(:inet.ip_address(), [{String.t(), String.t()}]) :: :inet.ip_address()
  def of(peer, headers) do
    proxies = :xavos |> Application.get_env(__MODULE__, []) |> Keyword.get(:proxies, [])

    hops =
      for {@header, value} <- headers,
          hop <- String.split(value, ","),
          do: hop |> String.trim() |> to_charlist() |> :inet.parse_strict_address()

    nearest(plain(peer), Enum.reverse(hops), proxies)
  end

  # What is no address ends the chain: nobody further away is known.
  defp nearest(address, [{:ok, before} | further], proxies) do
    if trusted?(address, proxies),
      do: nearest(plain(before), further, proxies),
      else: address
  end

  defp nearest(address, _unknown, _proxies), do: address

  defp trusted?(address, proxies), do: Enum.any?(proxies, &within?(address, &1))

  defp within?(address, {network, length}) when tuple_size(address) == tuple_size(network) do
    {number, bits} = number(address)
    {base, _bits} = number(network)
    number >>> (bits - length) == base >>> (bits - length)
  end

  defp within?(_address, _network), do: false

  defp number(address) do
    part = if tuple_size(address) == 4, do: 8, else: 16
    number = address |> Tuple.to_list() |> Enum.reduce(0, &((&2 <<< part) + &1))
    {number, tuple_size(address) * part}
  end

  # ::ffff:127.0.0.1 is 127.0.0.1 on a socket of IPv6.
  defp plain({0, 0, 0, 0, 0, 0xFFFF, high, low}),
    do: {high >>> 8, high &&& 0xFF, low >>> 8, low &&& 0xFF}

  defp plain(address), do: address
end
