defmodule Mix.Tasks.Compile.PhoenixLiveView do
  @moduledoc "Rehearsal stand-in: colocated scripts are not extracted."
  use Mix.Task.Compiler

  @impl true
  def run(_), do: {:noop, []}
end
