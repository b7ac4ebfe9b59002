if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.Ash.Install do
    @shortdoc "Sets Ash up (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task
    alias Igniter.Project

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      igniter
      |> Project.import_dep(:ash)
      |> Project.formatter_plugin(Spark.Formatter)
      |> Project.configure("config.exs", :ash, :default_page_type, ":keyset")
      |> Project.configure("dev.exs", :ash, :policies, "[show_policy_breakdowns?: true]")
      |> Project.configure("test.exs", :ash, :policies, "[show_policy_breakdowns?: true]")
    end
  end
else
  defmodule Mix.Tasks.Ash.Install do
    @shortdoc "Installs ash (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
