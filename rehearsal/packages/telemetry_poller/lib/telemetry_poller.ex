defmodule :telemetry_poller do
  @moduledoc "Rehearsal stand-in: a poller that measures nothing."

  use Agent

  def start_link(opts), do: Agent.start_link(fn -> opts end)
end
