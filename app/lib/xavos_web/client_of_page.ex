defmodule XavosWeb.ClientOfPage do
  @moduledoc """
  Remembers which machine a live page is shown on: what is sent by its forms comes over the socket of the page, past the
  plug that counts requests (`XavosWeb.LimitRequests`).
  """

  alias Phoenix.LiveView
  alias Xavos.RateLimit

  def on_mount(:default, _params, _session, socket) do
    # Before that it is the process of a request, which the plug counts, and which others may follow.
    if LiveView.connected?(socket), do: remember(LiveView.get_connect_info(socket, :peer_data))
    {:cont, socket}
  end

  defp remember(%{address: address}), do: RateLimit.from(address)
  defp remember(_unknown), do: :ok
end
