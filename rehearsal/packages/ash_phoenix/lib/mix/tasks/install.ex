if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshPhoenix.Install do
    @shortdoc "Sets AshPhoenix up (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task

    @impl Igniter.Mix.Task
    def igniter(igniter), do: Igniter.Project.import_dep(igniter, :ash_phoenix)
  end
else
  defmodule Mix.Tasks.AshPhoenix.Install do
    @shortdoc "Installs ash_phoenix (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_phoenix.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
