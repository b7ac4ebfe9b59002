defmodule Mix.Tasks.AshPostgres.GenerateMigrations do
  @shortdoc "Generates migrations, and stores a snapshot of your resources"
  @moduledoc @shortdoc
  use Mix.Task

  @switches [
    check: :boolean,
    dry_run: :boolean,
    dev: :boolean,
    name: :string,
    quiet: :boolean,
    domains: :string,
    auto_name: :boolean
  ]

  @impl true
  def run(args) do
    {opts, rest} = OptionParser.parse!(args, strict: @switches)
    Mix.Task.run("app.config")
    unless opts[:quiet], do: Mix.shell().info("Running codegen for AshPostgres.DataLayer...")

    options =
      struct(
        AshPostgres.MigrationGenerator,
        Keyword.put_new(Keyword.take(opts, [:check, :dry_run, :dev, :name, :quiet]), :name, List.first(rest))
      )

    AshPostgres.MigrationGenerator.generate(Mix.Project.config()[:app], options)
  end
end

for {task, ecto} <- [
      {Create, "ecto.create"},
      {Drop, "ecto.drop"},
      {Migrate, "ecto.migrate"},
      {Rollback, "ecto.rollback"}
    ] do
  defmodule Module.concat(Mix.Tasks.AshPostgres, task) do
    @shortdoc "Like #{ecto}, for the repositories of resources"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(args), do: Mix.Task.run(unquote(ecto), args)
  end
end
