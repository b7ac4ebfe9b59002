defmodule Xavos.Swarm do
  @moduledoc """
  A swarm on this machine: a limited number of agents, each a process, that work until no item is left.

  It is for seeing the coordination at work, and for proving that it keeps its promises: at the end it says whether an
  item was held by two, or lost. Everything goes through the same actions as the work of real agents, in the database
  that this VM is configured for, so that a running server's board shows it.

  A run keeps to itself: its items are of a type that nothing else has (`swarm:RUN`), and its agents ask for that type
  only. Its teams (`swarm`, `swarm-1`, …) are used again by the next run.
  """

  alias Xavos.Coordination
  alias Xavos.Coordination.WorkItem
  alias Xavos.Swarm.{Ledger, Worker}

  require Ash.Query

  # The system's own agents: nobody is signed in.
  @system [authorize?: false]

  @defaults [
    agents: 8,
    items: 100,
    teams: 4,
    seed: nil,
    run: nil,
    keep_alive: 0,
    timeout: 600,
    work_ms: 5..25,
    tell: nil
  ]

  @type option ::
          {:agents, 1..1000}
          | {:items, 1..100_000}
          | {:teams, 1..20}
          | {:seed, integer}
          | {:keep_alive, non_neg_integer}
          | {:timeout, pos_integer}
          | {:work_ms, Range.t()}
          | {:tell, (String.t() -> any)}

  @doc """
  Runs a swarm and gives its summary. Options:

    * `:agents` and `:items`: how many, by default 8 and 100;
    * `:teams`: how many teams they are spread over, by default 4; an eighth of the items is for nobody in particular;
    * `:seed`: of everything random, so that a run can be had again;
    * `:work_ms`: how long an item takes, in milliseconds;
    * `:keep_alive`: for how many seconds the agents stay when nothing is left to do;
    * `:timeout`: after how many seconds it gives up;
    * `:tell`: a function that is told in a line what goes on.
  """
  @spec run([option]) :: map
  def run(options \\ []) do
    options =
      Keyword.merge(@defaults, Keyword.reject(options, fn {_, value} -> is_nil(value) end))

    seed = options[:seed] || :rand.uniform(1_000_000_000)

    run =
      options[:run] || System.os_time(:millisecond) |> Integer.to_string(36) |> String.downcase()

    tell = options[:tell] || fn _line -> :ok end
    :rand.seed(:exsss, seed)

    {:ok, supervisor} = Task.Supervisor.start_link()
    ledger = Ledger.new(options[:items])
    context = %{run: run, type: "swarm:#{run}", seed: seed, ledger: ledger, options: options}

    teams = teams(options[:teams])
    agents = agents(context, teams)

    try do
      tell.("swarm #{run}: #{length(agents)} agents registered, adding #{options[:items]} items")
      add_items(context, teams, supervisor)

      tell.("swarm #{run}: working")
      started = System.monotonic_time(:millisecond)
      crashed = work(context, agents, supervisor, started + options[:timeout] * 1000)
      worked_ms = System.monotonic_time(:millisecond) - started

      if options[:keep_alive] > 0 do
        tell.("swarm #{run}: done, the agents stay for #{options[:keep_alive]} s")
        keep_alive(agents, options[:keep_alive])
      end

      summary(context, agents, worked_ms, crashed)
    after
      for agent <- agents, do: go_offline(agent)
      Ledger.delete(ledger)
      Supervisor.stop(supervisor)
    end
  end

  @doc "Whether every item was completed, and none was held by two."
  @spec ok?(map) :: boolean
  def ok?(summary),
    do:
      summary.lost == 0 and summary.claimed_twice == 0 and summary.crashed == 0 and
        not summary.timed_out

  @doc "A summary in words."
  @spec to_text(map) :: String.t()
  def to_text(summary) do
    """
    swarm #{summary.run} (seed #{summary.seed})
      items       #{summary.completed} of #{summary.items} completed, #{summary.lost} lost, #{summary.claimed_twice} claimed twice
      on the way  #{summary.failed} failed and tried again, #{summary.blocked} blocked and unblocked
      agents      #{summary.agents}; items each: #{summary.per_agent.least} to #{summary.per_agent.most}, #{summary.idle_agents} without any
      claims      #{summary.claims} in #{summary.worked_ms / 1000} s: #{summary.claims_per_second}/s
      a claim     #{summary.claim_ms.median} ms in the median, #{summary.claim_ms.p95} ms for 95 of 100
    #{verdict(summary)}
    """
  end

  defp verdict(summary) do
    cond do
      summary.crashed > 0 ->
        "  #{summary.crashed} agents crashed: #{Enum.join(summary.errors, "; ")}"

      ok?(summary) ->
        "  nothing was lost, nothing was done twice"

      summary.timed_out ->
        "  given up: time is over"

      true ->
        "  this is not as it should be"
    end
  end

  # --- before ---

  defp teams(count) do
    top = team("swarm", %{title: "Swarm"})

    for number <- 1..count do
      team("swarm-#{number}", %{
        title: "Swarm #{number}",
        parent_id: top.id,
        weight: 5 * (number - 1)
      })
    end
  end

  defp team(name, attributes) do
    case Coordination.get_team_by_name(name, [not_found_error?: false] ++ @system) do
      {:ok, %{} = team} -> team
      {:ok, nil} -> Coordination.create_team!(Map.put(attributes, :name, name), @system)
    end
  end

  defp agents(context, teams) do
    for number <- 1..context.options[:agents] do
      name = "swarm-#{context.run}-#{String.pad_leading(to_string(number), 3, "0")}"

      %{
        agent_id: name,
        name: "Swarm agent #{number}",
        specialization: Enum.random(~w(elixir frontend operations research)),
        capacity: Enum.random(1..3),
        # In turn, so that every team has somebody wherever there are enough agents.
        team_id: Enum.at(teams, rem(number - 1, length(teams))).id
      }
      |> Coordination.register_agent!(@system)
      |> Coordination.activate_agent!(@system)
    end
  end

  # In three layers, of which each waits for some of the one before: so they can be added side by side.
  defp add_items(context, teams, supervisor) do
    staffed = Enum.take(teams, context.options[:agents])
    numbers = Enum.to_list(1..context.options[:items])
    {first, rest} = Enum.split(numbers, max(div(length(numbers) * 7, 10), 1))
    {second, third} = Enum.split(rest, div(length(rest) * 2, 3))

    Enum.reduce([first, second, third], [], fn layer, before ->
      layer
      |> Enum.map(&item(&1, before, staffed, context))
      |> then(
        &Task.Supervisor.async_stream(
          supervisor,
          &1,
          fn item -> Coordination.add_work_item!(item, @system) end,
          max_concurrency: 8,
          ordered: false,
          timeout: :infinity
        )
      )
      |> Stream.run()

      layer
    end)
  end

  defp item(number, before, teams, context) do
    waits_for = if before == [], do: [], else: Enum.take_random(before, Enum.random(1..2))

    %{
      work_item_id: name(number, context),
      type: context.type,
      description: "Item #{number} of the swarm #{context.run}",
      priority: Enum.random([:low, :medium, :medium, :high, :critical]),
      team_id: if(Enum.random(1..8) > 1, do: Enum.random(teams).id),
      depends_on: Enum.map(waits_for, &name(&1, context))
    }
  end

  defp name(number, context),
    do: "SWARM-#{context.run}-#{String.pad_leading(to_string(number), 5, "0")}"

  # --- meanwhile ---

  defp work(context, agents, supervisor, deadline) do
    agents
    |> Enum.with_index(fn agent, index ->
      Task.Supervisor.async_nolink(supervisor, fn ->
        :rand.seed(:exsss, context.seed + index + 1)
        Worker.run(agent, context, deadline)
      end)
    end)
    |> Task.yield_many(:infinity)
    |> Enum.flat_map(fn
      {_task, {:ok, :ok}} ->
        []

      {_task, {:exit, reason}} ->
        [reason |> Exception.format_exit() |> String.split("\n") |> hd()]
    end)
  end

  defp keep_alive(agents, seconds) do
    deadline = System.monotonic_time(:millisecond) + seconds * 1000

    Stream.repeatedly(fn ->
      for agent <- agents, do: Coordination.heartbeat(agent, @system)
      Process.sleep(max(min(30_000, deadline - System.monotonic_time(:millisecond)), 0))
    end)
    |> Enum.find(fn _slept -> System.monotonic_time(:millisecond) >= deadline end)
  end

  # --- afterwards ---

  # Work that a crashed agent held goes back.
  defp go_offline(agent) do
    with {:ok, agent} <- Coordination.get_agent(agent.id, @system),
         do: Coordination.take_agent_offline(agent, @system)
  end

  defp summary(context, agents, worked_ms, crashed) do
    ledger = Ledger.summary(context.ledger)

    completed =
      Ash.count!(
        Ash.Query.filter(WorkItem, type == ^context.type and status == :completed),
        @system
      )

    each = Enum.map(agents, &Map.get(ledger.per_agent, &1.agent_id, 0))

    %{
      run: context.run,
      seed: context.seed,
      agents: length(agents),
      items: context.options[:items],
      completed: completed,
      lost: context.options[:items] - completed,
      claims: ledger.claims,
      claimed_twice: ledger.claimed_twice,
      failed: ledger.failed,
      blocked: ledger.blocked,
      worked_ms: worked_ms,
      claims_per_second: Float.round(ledger.claims * 1000 / max(worked_ms, 1), 1),
      claim_ms: ledger.claim_ms,
      per_agent: %{least: Enum.min(each), most: Enum.max(each)},
      idle_agents: Enum.count(each, &(&1 == 0)),
      timed_out: ledger.timed_out,
      crashed: length(crashed),
      errors: Enum.uniq(crashed)
    }
  end
end
