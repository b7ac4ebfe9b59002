defmodule XavosWeb.LastAnswers do
  @moduledoc """
  Ends kept connections while the server is about to end (`Xavos.Draining`): each answer says that it is the last on its
  connection. So no client sends another request just when the connection is closed.
  """
  @behaviour Plug

  import Plug.Conn

  @impl true
  def init(options), do: options

  @impl true
  def call(conn, _options) do
    if Xavos.Draining.draining?() and get_http_protocol(conn) == :"HTTP/1.1",
      do: put_resp_header(conn, "connection", "close"),
      else: conn
  end
end
