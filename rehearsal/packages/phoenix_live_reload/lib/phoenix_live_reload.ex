defmodule Phoenix.LiveReloader do
  @moduledoc "Rehearsal stand-in: reloads no pages."
  @behaviour Plug

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _), do: conn
end

defmodule Phoenix.LiveReloader.Socket do
  @moduledoc false
  use Phoenix.Socket
end
