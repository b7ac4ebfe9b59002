defmodule Mix.Tasks.Xavos.Swarm do
  @shortdoc "Lets a swarm of agents work through items"

  @moduledoc """
  Runs a swarm of agents that work through items of the configured database, and prints a summary.

      $ mix xavos.swarm --agents 64 --items 1000

  A running server's board shows it live. Options:

    * `--agents N`: how many agents (8);
    * `--items N`: how many items (100);
    * `--teams N`: how many teams they are spread over (4);
    * `--run NAME`: what its agents and items are called after, in small letters, digits and `-` (by default made up);
    * `--seed N`: of everything random;
    * `--work-ms N`: how long an item takes at most, in milliseconds (25);
    * `--keep-alive SECONDS`: how long the agents stay when all is done (0);
    * `--timeout SECONDS`: when to give up (600);
    * `--pool N`: connections to the database (at most 20);
    * `--json`: the summary as JSON.

  It exits with 0 where every item was completed and none was held by two, otherwise with 1. Its agents are offline
  afterwards. What it did stays: items, agents and their history.
  """
  use Mix.Task

  alias Xavos.Swarm
  alias Xavos.Swarm.Runtime

  @options [
    agents: :integer,
    items: :integer,
    teams: :integer,
    run: :string,
    seed: :integer,
    work_ms: :integer,
    keep_alive: :integer,
    timeout: :integer,
    pool: :integer,
    json: :boolean
  ]

  @ranges [
    agents: 1..1000,
    items: 1..100_000,
    teams: 1..20,
    work_ms: 0..60_000,
    keep_alive: 0..86_400,
    timeout: 1..86_400,
    pool: 1..100
  ]

  # As agents can be called.
  @run ~r/\A[a-z0-9][a-z0-9-]{0,39}\z/

  @requirements ["app.config"]

  @impl Mix.Task
  def run(arguments) do
    options = parse!(arguments)
    Logger.configure(level: :warning)
    Runtime.start(pool_size: options[:pool] || min(options[:agents] || 8, 20))

    tell = if options[:json], do: fn _line -> :ok end, else: &Mix.shell().info/1
    work_ms = if options[:work_ms], do: div(options[:work_ms], 5)..options[:work_ms]

    summary =
      options
      |> Keyword.take([:agents, :items, :teams, :run, :seed, :keep_alive, :timeout])
      |> Keyword.merge(tell: tell, work_ms: work_ms)
      |> Swarm.run()

    if options[:json],
      do: Mix.shell().info(Jason.encode!(Map.put(summary, :ok, Swarm.ok?(summary)))),
      else: Mix.shell().info(Swarm.to_text(summary))

    if not Swarm.ok?(summary), do: exit({:shutdown, 1})
  end

  defp parse!(arguments) do
    case OptionParser.parse(arguments, strict: @options) do
      {options, [], []} ->
        for {name, range} <- @ranges, options[name], options[name] not in range do
          Mix.raise("--#{dashes(name)} is from #{range.first} to #{range.last}")
        end

        if not ((options[:run] || "r") =~ @run),
          do: Mix.raise("--run is a name of at most 40 small letters, digits and dashes")

        options

      {_options, [argument | _], []} ->
        Mix.raise("#{argument} is not an option; see mix help xavos.swarm")

      {_options, _arguments, [{option, _value} | _]} ->
        Mix.raise("#{option} is not understood; see mix help xavos.swarm")
    end
  end

  defp dashes(name), do: name |> to_string() |> String.replace("_", "-")
end
