defmodule Mix.Ecto do
  @moduledoc false

  @switches [
    all: :boolean,
    force: :boolean,
    force_drop: :boolean,
    migrations_path: :keep,
    no_compile: :boolean,
    no_deps_check: :boolean,
    log_migrations_sql: :boolean,
    log_migrator_sql: :boolean,
    pool_size: :integer,
    quiet: :boolean,
    repo: :keep,
    step: :integer,
    to: :integer
  ]

  def parse(args) do
    {opts, _} = OptionParser.parse!(args, strict: @switches, aliases: [r: :repo, q: :quiet, n: :step])
    Mix.Task.run("app.config", if(opts[:no_compile], do: ["--no-compile"], else: []))
    {repos(opts), opts}
  end

  def repos(opts) do
    case Keyword.get_values(opts, :repo) do
      [] -> Application.get_env(Mix.Project.config()[:app], :ecto_repos, [])
      names -> Enum.map(names, &Module.concat([&1]))
    end
    |> Enum.map(&ensure/1)
  end

  def say(text, opts), do: unless(opts[:quiet], do: Mix.shell().info(text))

  def migrate(repo, direction, opts) do
    paths = with [] <- Keyword.get_values(opts, :migrations_path), do: Ecto.Migrator.migrations_path(repo)
    level = Logger.level()
    if opts[:quiet], do: Logger.configure(level: :warning)

    try do
      case Ecto.Migrator.with_repo(repo, &Ecto.Migrator.run(&1, paths, direction, opts)) do
        {:ok, versions, _} -> versions
        {:error, reason} -> Mix.raise("Could not start repo #{inspect(repo)}, error: #{inspect(reason)}")
      end
    after
      Logger.configure(level: level)
    end
  end

  defp ensure(repo) do
    unless Code.ensure_loaded?(repo) and function_exported?(repo, :__adapter__, 0) do
      Mix.raise(
        "Could not load #{inspect(repo)}, error: :nofile. Please configure your app accordingly or pass a repo with the -r option."
      )
    end

    repo
  end
end

defmodule Mix.Tasks.Ecto.Create do
  @shortdoc "Creates the repository storage"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    {repos, opts} = Mix.Ecto.parse(args)

    for repo <- repos do
      case repo.__adapter__().storage_up(repo.config()) do
        :ok -> Mix.Ecto.say("The database for #{inspect(repo)} has been created", opts)
        {:error, :already_up} -> Mix.Ecto.say("The database for #{inspect(repo)} has already been created", opts)
        {:error, term} -> Mix.raise("The database for #{inspect(repo)} couldn't be created: #{term}")
      end
    end
  end
end

defmodule Mix.Tasks.Ecto.Drop do
  @shortdoc "Drops the repository storage"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    {repos, opts} = Mix.Ecto.parse(args)

    for repo <- repos do
      case repo.__adapter__().storage_down(Keyword.merge(repo.config(), Keyword.take(opts, [:force_drop]))) do
        :ok -> Mix.Ecto.say("The database for #{inspect(repo)} has been dropped", opts)
        {:error, :already_down} -> Mix.Ecto.say("The database for #{inspect(repo)} has already been dropped", opts)
        {:error, term} -> Mix.raise("The database for #{inspect(repo)} couldn't be dropped: #{term}")
      end
    end
  end
end

defmodule Mix.Tasks.Ecto.Migrate do
  @shortdoc "Runs the repository migrations"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    {repos, opts} = Mix.Ecto.parse(args)
    for repo <- repos, do: Mix.Ecto.migrate(repo, :up, opts)
    :ok
  end
end

defmodule Mix.Tasks.Ecto.Rollback do
  @shortdoc "Rolls back the repository migrations"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    {repos, opts} = Mix.Ecto.parse(args)
    opts = if opts[:all] || opts[:to] || opts[:step], do: opts, else: [step: 1] ++ opts
    for repo <- repos, do: Mix.Ecto.migrate(repo, :down, opts)
    :ok
  end
end

defmodule Mix.Tasks.Ecto.Migrations do
  @shortdoc "Displays the repository migration status"
  @moduledoc @shortdoc
  use Mix.Task

  @impl true
  def run(args) do
    {repos, _} = Mix.Ecto.parse(args)

    for repo <- repos do
      {:ok, migrations, _} = Ecto.Migrator.with_repo(repo, &Ecto.Migrator.migrations/1)
      Mix.shell().info("\nRepo: #{inspect(repo)}\n\n  Status    Migration ID    Migration Name")
      Mix.shell().info("--------------------------------------------------")

      for {status, version, name} <- migrations do
        Mix.shell().info(
          "  #{String.pad_trailing(to_string(status), 8)}  #{String.pad_trailing(to_string(version), 14)}  #{name}"
        )
      end
    end
  end
end
