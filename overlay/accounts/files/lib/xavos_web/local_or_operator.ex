defmodule XavosWeb.LocalOrOperator do
  @moduledoc """
  Keeps what development alone has (`/dev`) to whoever sits at this machine, and to operators: its mailbox holds links by
  which anybody can be signed in.
  """
  @behaviour Plug

  alias Plug.Conn
  alias XavosWeb.RequireOperator

  @proxies ~w(x-forwarded-for forwarded x-real-ip)

  @impl true
  def init(options), do: RequireOperator.init(options)

  @impl true
  def call(conn, needed) do
    if local?(conn.remote_ip) and not proxied?(conn),
      do: conn,
      else: RequireOperator.call(conn, needed)
  end

  defp local?({127, _, _, _}), do: true
  defp local?({0, 0, 0, 0, 0, 0, 0, 1}), do: true
  defp local?({0, 0, 0, 0, 0, 0xFFFF, high, _low}), do: div(high, 256) == 127
  defp local?(_elsewhere), do: false

  # A proxy at this machine speaks for somebody elsewhere.
  defp proxied?(conn), do: Enum.any?(@proxies, &(Conn.get_req_header(conn, &1) != []))
end
