defmodule XavosWeb.RequireOperator do
  @moduledoc "Lets only operators through: `plug XavosWeb.RequireOperator`. See `XavosWeb.Access`."
  @behaviour Plug

  alias XavosWeb.Access

  @impl true
  def init(_options), do: Access.init(:operator)

  @impl true
  def call(conn, needed), do: Access.call(conn, needed)
end
