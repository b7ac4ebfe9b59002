defmodule Mix.Tasks.Compile.PhoenixLiveView do
  @moduledoc "Rehearsal stand-in: extracts no colocated scripts."
  use Mix.Task.Compiler

  @impl true
  def run(_), do: {:noop, []}
end
