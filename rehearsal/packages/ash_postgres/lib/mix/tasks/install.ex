if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshPostgres.Install do
    @shortdoc "Makes the repository one of Ash (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task
    alias Igniter.Project

    @functions """

      @impl true
      def installed_extensions do
        ["ash-functions"]
      end

      @impl true
      def prefer_transaction? do
        false
      end

      @impl true
      def min_pg_version do
        %Version{major: 16, minor: 0, patch: 0}
      end
    end
    """

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      igniter
      |> Project.import_dep(:ash_postgres)
      |> Igniter.edit_file(Project.file(Project.module("Repo")), &repo/1)
      |> Igniter.edit_file("mix.exs", &aliases/1)
      |> Project.configure("test.exs", :ash, :disable_async?, "true")
      |> Igniter.add_task("ash.codegen", ["initialize"])
    end

    defp repo(text) do
      if text =~ "use AshPostgres.Repo" do
        text
      else
        text
        |> String.replace(
          ~r/use Ecto\.Repo,\s+otp_app: (:\w+),\s+adapter: Ecto\.Adapters\.Postgres/,
          "use AshPostgres.Repo, otp_app: \\1"
        )
        |> String.trim_trailing()
        |> String.replace_suffix("\nend", "\n" <> @functions)
      end
    end

    defp aliases(text),
      do: String.replace(text, ~s("ecto.create --quiet", "ecto.migrate --quiet"), ~s("ash.setup --quiet"))
  end
else
  defmodule Mix.Tasks.AshPostgres.Install do
    @shortdoc "Installs ash_postgres (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_postgres.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
