defmodule Mix.Tasks.Ash do
  @moduledoc false

  @doc "Calls a function of every data layer and extension that is in use and has it; PostgreSQL's also before that."
  def each_extension(function, args) do
    Mix.Task.run("compile")
    Mix.Task.run("loadpaths")
    Mix.Task.run("app.config")
    app = Mix.Project.config()[:app]

    app
    |> Ash.Info.resources()
    |> Enum.flat_map(&[Ash.Resource.Info.data_layer(&1) | Ash.Resource.Info.extensions(&1)])
    |> Enum.concat([AshPostgres.DataLayer])
    |> Enum.filter(& &1)
    |> Enum.uniq()
    |> Enum.filter(&(Code.ensure_loaded?(&1) and function_exported?(&1, function, 1)))
    |> Enum.each(fn extension -> apply(extension, function, [args]) end)
  end
end

defmodule Mix.Tasks.Ash.Codegen do
  @shortdoc "Runs all codegen tasks for any extension on any resource/domain in your application"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    Mix.shell().info("Getting extensions in current project...")
    Mix.Tasks.Ash.each_extension(:codegen, args)
  end
end

for {task, function, doc} <- [
      {Setup, :setup, "Runs all setup tasks for any extension on any resource/domain in your application"},
      {Migrate, :migrate, "Runs all migration tasks for any extension on any resource/domain in your application"},
      {Rollback, :rollback, "Runs all rollback tasks for any extension on any resource/domain in your application"},
      {TearDown, :tear_down, "Runs all tear down tasks for any extension on any resource/domain in your application"}
    ] do
  defmodule Module.concat(Mix.Tasks.Ash, task) do
    @shortdoc doc
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(args) do
      Mix.shell().info("Getting extensions in current project...")
      Mix.Tasks.Ash.each_extension(unquote(function), args)
    end
  end
end
