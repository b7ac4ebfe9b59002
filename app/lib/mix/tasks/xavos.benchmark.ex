defmodule Mix.Tasks.Xavos.Benchmark do
  @shortdoc "Measures claims per second beside plain Oban"

  @moduledoc """
  Measures how many items per second agents claim, and compares that with as many jobs in plain Oban.

      $ mix xavos.benchmark --agents 64 --items 10000

  It makes a database of its own beside the one that XAVOS is configured for (`…_benchmark`), and drops it at the end,
  also where it is killed (`Xavos.Benchmark.Database`); the role has to be allowed to create one. What is measured is said
  by `h Xavos.Benchmark`. Options:

    * `--agents N`: agents, and jobs that Oban runs at once (64);
    * `--items N`: items and jobs (10000);
    * `--repetitions N`: how often each is measured, in turn (3);
    * `--pool N`: connections to the database (as many as agents, at most 64);
    * `--json`: the outcome as JSON.
  """
  use Mix.Task

  alias Xavos.Benchmark
  alias Xavos.Benchmark.Database
  alias Xavos.Swarm.Runtime

  @options [
    agents: :integer,
    items: :integer,
    repetitions: :integer,
    pool: :integer,
    json: :boolean
  ]

  @requirements ["app.config"]

  @impl Mix.Task
  def run(arguments) do
    options = parse!(arguments)
    Logger.configure(level: :warning)
    {:ok, _applications} = Application.ensure_all_started([:ecto_sql, :postgrex, :oban])

    settings = Xavos.Repo.config()
    database = settings[:database] <> "_benchmark"
    settings = Keyword.put(settings, :database, database)
    guard = make!(settings)

    try do
      # The listener of live events finds the database in the same place.
      Application.put_env(:xavos, Xavos.Repo, own(settings, options))
      migrate(settings)
      Runtime.start(own(settings, options))
      report(options)
    after
      stop()
      Database.drop(settings)
      Database.release(guard)
    end
  end

  defp own(settings, options) do
    pool = options[:pool] || min(options[:agents] || 64, 64)

    settings
    |> Keyword.delete(:url)
    |> Keyword.merge(pool_size: pool, pool: DBConnection.ConnectionPool, log: false)
  end

  defp make!(settings) do
    case Database.make(settings) do
      {:ok, guard} -> guard
      {:error, reason} -> Mix.raise("#{settings[:database]} could not be created: #{reason}")
    end
  end

  defp migrate(settings) do
    {:ok, _migrated, _started} =
      Ecto.Migrator.with_repo(
        Xavos.Repo,
        &Ecto.Migrator.run(&1, :up, all: true, log: false),
        own(settings, pool: 2)
      )
  end

  defp stop do
    for name <- [Xavos.Coordination.Events, Xavos.Repo],
        pid = Process.whereis(name),
        do: Supervisor.stop(pid)
  end

  defp report(options) do
    tell = if options[:json], do: fn _line -> :ok end, else: &Mix.shell().info/1

    outcome =
      options
      |> Keyword.take([:agents, :items, :repetitions])
      |> Keyword.put(:tell, tell)
      |> Benchmark.run()

    if options[:json],
      do: Mix.shell().info(Jason.encode!(outcome)),
      else: Mix.shell().info("\n" <> Benchmark.to_text(outcome))
  end

  defp parse!(arguments) do
    case OptionParser.parse(arguments, strict: @options) do
      {options, [], []} ->
        for {name, range} <- [
              agents: 1..1000,
              items: 1..1_000_000,
              repetitions: 1..100,
              pool: 1..500
            ],
            options[name],
            options[name] not in range do
          Mix.raise("--#{name} is from #{range.first} to #{range.last}")
        end

        options

      _ ->
        Mix.raise("this is not understood; see mix help xavos.benchmark")
    end
  end
end
