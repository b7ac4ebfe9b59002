if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshJsonApi.Install do
    @shortdoc "Routes JSON:API (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task
    alias Igniter.Project

    @impl Igniter.Mix.Task
    def info(_argv, _parent), do: %{adds_deps: [{:open_api_spex, "~> 3.0"}]}

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      igniter
      |> Project.import_dep(:ash_json_api)
      |> Project.configure("config.exs", :ash_json_api, :authorize_update_destroy_with_error?, "true")
      |> Igniter.create_file(Project.file(Project.web("AshJsonApiRouter")), """
      defmodule #{Project.web("AshJsonApiRouter")} do
        use AshJsonApi.Router,
          domains: [],
          open_api: "/open_api"
      end
      """)
      |> Igniter.edit_file(Project.file(Project.web("Router")), &route/1)
    end

    defp route(text) do
      if text =~ "AshJsonApiRouter",
        do: text,
        else:
          String.replace_suffix(text, "\nend\n", """

            scope "/api/json" do
              pipe_through [:api]

              forward "/", #{Project.web("AshJsonApiRouter")}
            end
          end
          """)
    end
  end
else
  defmodule Mix.Tasks.AshJsonApi.Install do
    @shortdoc "Installs ash_json_api (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_json_api.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
