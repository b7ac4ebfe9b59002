if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshAdmin.Install do
    @shortdoc "Routes AshAdmin, and shows the domains in it (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task
    alias Igniter.Project

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      igniter
      |> Project.import_dep(:ash_admin)
      |> Igniter.edit_file(Project.file(Project.web("Router")), &route/1)
      |> then(
        &Enum.reduce(domains(), &1, fn domain, igniter ->
          Igniter.edit_file(igniter, domain, fn text -> show(text) end)
        end)
      )
    end

    defp domains, do: for(file <- Path.wildcard("lib/**/*.ex"), File.read!(file) =~ "use Ash.Domain", do: file)

    defp route(text) do
      if text =~ "ash_admin",
        do: text,
        else:
          String.replace_suffix(text, "\nend\n", """

            if Application.compile_env(:#{Project.app()}, :dev_routes) do
              import AshAdmin.Router

              scope "/admin" do
                pipe_through :browser

                ash_admin "/"
              end
            end
          end
          """)
    end

    defp show(text) do
      if text =~ "AshAdmin.Domain" do
        text
      else
        text
        |> String.replace(
          ~r/use Ash\.Domain,(\s+)otp_app: (:\w+)$/m,
          "use Ash.Domain,\\1otp_app: \\2,\\1extensions: [AshAdmin.Domain]"
        )
        |> String.replace_suffix("\nend\n", "\n\n  admin do\n    show? true\n  end\nend\n")
      end
    end
  end
else
  defmodule Mix.Tasks.AshAdmin.Install do
    @shortdoc "Installs ash_admin (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_admin.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
