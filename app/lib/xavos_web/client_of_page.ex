defmodule XavosWeb.ClientOfPage do
  @moduledoc """
  Stores the address of the client of a live page. Its forms use the page's socket, so the plug that counts requests
  (`XavosWeb.LimitRequests`) does not see them.
  """

  alias Phoenix.LiveView
  alias Xavos.RateLimit
  alias XavosWeb.ClientAddress

  def on_mount(:default, _params, _session, socket) do
    # Before that it is the process of a request, which the plug counts, and which others may follow.
    if LiveView.connected?(socket),
      do:
        remember(
          LiveView.get_connect_info(socket, :peer_data),
          LiveView.get_connect_info(socket, :x_headers)
        )

    {:cont, socket}
  end

  defp remember(%{address: peer}, headers),
    do: peer |> ClientAddress.of(headers || []) |> RateLimit.from()

  defp remember(_unknown, _headers), do: :ok
end
