defmodule Xavos.Scrum do
  @moduledoc """
  Computes the metrics of Scrum at Scale for every team. Those of a scrum of scrums are the sum of its teams.

      Xavos.Scrum.summary(actor: user)

  gives

      %{
        since: ~U[…], until: ~U[…], generated_in_ms: 12,
        total: figures,               # everything
        nobodys: figures,             # work for everybody, agents without a team
        teams: [node]                 # the top of the tree: the weightiest first, then by name
      }

  A node is

      %{
        id: "…", name: "rockets", title: "The Rockets", weight: 10, depth: 0,
        scrum_of_scrums?: true,
        own: figures,                 # of this team alone
        figures: figures,             # of this team and all below
        teams: [node]
      }

  and figures are

      %{
        # work by status, now
        pending: 3, claimed: 1, in_progress: 2, blocked: 1, completed: 40, failed: 0, cancelled: 2,
        # pending work by priority, and how much of it could be claimed at once
        waiting: %{critical: 0, high: 1, medium: 2, low: 0}, ready: 2,
        # agents that are not offline
        agents: 4, capacity: 8, workload: 4,
        # work completed since `since`: how much, how much per hour and day, and seconds from claim to completion
        finished: 12, per_hour: 24.0, per_day: 12.0, cycle_time_median: 340.2, cycle_time_p85: 1203.9
      }

  Everything is as of one moment (`Xavos.Coordination.Snapshot`).

  `per_day` is over the whole time since `since`. `per_hour` is over the part of it in which work was done: from the first
  claim of what was completed to the last completion, but a minute at least. An hour of work does not become less for
  the night that follows it.

  Cycle times are nil where nothing was completed. Neither they nor rates per hour are sums: those of a scrum of scrums
  are those of all its items.
  """

  alias Ash.Query.Aggregate
  alias Xavos.Coordination.{Agent, Snapshot, Team, WorkItem}
  alias Xavos.Scrum.Percentile

  import Ash.Expr

  require Ash.Query

  @day 24 * 60 * 60

  # Seconds: work that took less gives no rate worth telling.
  @least_window 60

  @cycle_times [cycle_time_median: 0.5, cycle_time_p85: 0.85]
  @window [:first_claim, :first_completion, :last_completion]

  @type figures :: %{atom => number | nil | %{atom => non_neg_integer}}
  @type team :: %{
          id: Ash.UUID.t(),
          name: String.t(),
          title: String.t() | nil,
          weight: 0..100,
          depth: non_neg_integer,
          scrum_of_scrums?: boolean,
          own: figures,
          figures: figures,
          teams: [team]
        }
  @type summary :: %{
          since: DateTime.t(),
          until: DateTime.t(),
          generated_in_ms: non_neg_integer,
          total: figures,
          nobodys: figures,
          teams: [team]
        }

  @doc """
  The figures of all teams. Options:

    * `:since`: from when on completed work is counted, by default 24 hours ago;
    * `:actor`: who asks; without one, the system does.
  """
  @spec summary(keyword) :: summary
  def summary(options \\ []) do
    start = System.monotonic_time(:millisecond)
    until = DateTime.utc_now()
    since = options[:since] || DateTime.add(until, -@day, :second)
    ash = [actor: options[:actor], authorize?: options[:actor] != nil]

    context = %{
      since: since,
      days: max(DateTime.diff(until, since, :second), 1) / @day,
      ash: ash
    }

    figures = Snapshot.read(fn -> figures(context) end)

    Map.merge(figures, %{
      since: since,
      until: until,
      generated_in_ms: System.monotonic_time(:millisecond) - start
    })
  end

  defp figures(context) do
    %{
      total: figures(WorkItem, Agent, context),
      nobodys:
        figures(
          Ash.Query.filter(WorkItem, is_nil(team_id)),
          Ash.Query.filter(Agent, is_nil(team_id)),
          context
        ),
      teams: teams(context)
    }
  end

  @doc "The nodes of a summary as a list: every team after the one that it belongs to."
  @spec flatten(summary | team) :: [team]
  def flatten(%{teams: teams}), do: Enum.flat_map(teams, &[&1 | flatten(&1)])

  # --- one query for all teams ---

  defp teams(context) do
    teams =
      counts(context.since)
      |> Enum.reduce(Ash.Query.sort(Team, weight: :desc, name: :asc), fn
        {name, relationship, kind, options}, query ->
          Ash.Query.aggregate(query, name, kind, relationship, options)
      end)
      |> Ash.read!(context.ash)

    # What a team belongs to may not be there for somebody who may not see it.
    known = MapSet.new(teams, & &1.id)

    below =
      Enum.group_by(teams, fn team -> if team.parent_id in known, do: team.parent_id end)

    tree(below, nil, 0, context)
  end

  defp tree(below, id, depth, context) do
    for team <- Map.get(below, id, []) do
      teams = tree(below, team.id, depth + 1, context)
      own = arrange(team.aggregates, context)

      %{
        id: team.id,
        name: team.name,
        title: team.title,
        weight: team.weight,
        depth: depth,
        scrum_of_scrums?: teams != [],
        own: own,
        figures: roll_up(own, team, teams, context),
        teams: teams
      }
    end
  end

  defp roll_up(own, _team, [], _context), do: own

  defp roll_up(own, team, teams, context) do
    ids = [team.id | Enum.map(flatten(%{teams: teams}), & &1.id)]

    counted =
      WorkItem
      |> Ash.Query.filter(team_id in ^ids)
      |> aggregate(cycle_times(context.since) ++ window(context.since), context)

    sum = teams |> Enum.map(& &1.figures) |> Enum.reduce(own, &add/2)

    sum
    |> Map.merge(Map.take(counted, Keyword.keys(@cycle_times)))
    |> Map.merge(rates(sum.finished, counted, context))
  end

  defp add(one, other) do
    Map.merge(one, other, fn
      _name, %{} = one, %{} = other -> add(one, other)
      _name, one, other when is_number(one) and is_number(other) -> one + other
      # Cycle times, which are asked for anew, as are rates.
      _name, _one, _other -> nil
    end)
  end

  # --- a query for whatever belongs to no team, or to any ---

  defp figures(items, agents, context) do
    {of_items, of_agents} =
      Enum.split_with(counts(context.since), fn {_, relationship, _, _} ->
        relationship == :work_items
      end)

    items
    |> aggregate(of_items, context)
    |> Map.merge(aggregate(agents, of_agents, context))
    |> arrange(context)
  end

  defp aggregate(query, counts, context) do
    query = Ash.Query.new(query)

    aggregates =
      for {name, _relationship, kind, options} <- counts do
        Aggregate.new!(query.resource, name, kind, options)
      end

    Ash.aggregate!(query, aggregates, context.ash)
  end

  # --- what is counted ---

  # {name, relationship of a team, kind of aggregate, options}
  defp counts(since) do
    by_status =
      for status <- WorkItem.statuses(),
          do: {status, :work_items, :count, filter(expr(status == ^status))}

    waiting =
      for priority <- WorkItem.priorities() do
        {waiting(priority), :work_items, :count,
         filter(expr(status == :pending and priority == ^priority))}
      end

    by_status ++
      waiting ++
      [
        {:ready, :work_items, :count, filter(expr(ready?))},
        {:finished, :work_items, :count, filter(finished_since(since))},
        {:agents, :agents, :count, filter(expr(status != :offline))},
        {:capacity, :agents, :sum,
         [field: :capacity, default: 0] ++ filter(expr(status != :offline))},
        {:workload, :agents, :sum,
         [field: :workload, default: 0] ++ filter(expr(status != :offline))}
      ] ++ cycle_times(since) ++ window(since)
  end

  # When what was completed was worked on. What a file has brought may lack the time of its claim.
  defp window(since) do
    for {name, kind, field} <- [
          {:first_claim, :min, :claimed_at},
          {:first_completion, :min, :finished_at},
          {:last_completion, :max, :finished_at}
        ] do
      {name, :work_items, kind, [field: field] ++ filter(finished_since(since))}
    end
  end

  defp cycle_times(since) do
    for {name, at} <- @cycle_times do
      {name, :work_items, :custom,
       [type: :float, implementation: {Percentile, at: at}] ++ filter(finished_since(since))}
    end
  end

  defp finished_since(since), do: expr(status == :completed and finished_at >= ^since)

  defp filter(expression), do: [query: [filter: expression]]

  defp arrange(counted, context) do
    waiting = Map.new(WorkItem.priorities(), &{&1, counted[waiting(&1)]})

    counted
    |> Map.drop(Enum.map(WorkItem.priorities(), &waiting/1) ++ @window)
    |> Map.put(:waiting, waiting)
    |> Map.merge(rates(counted.finished, counted, context))
  end

  defp rates(finished, window, context) do
    %{per_hour: finished / hours(window, context), per_day: finished / context.days}
  end

  defp hours(window, %{since: since}) do
    begun = Enum.reject([window.first_claim, window.first_completion], &is_nil/1)

    seconds =
      if begun == [] do
        0
      else
        first = Enum.max([since, Enum.min(begun, DateTime)], DateTime)
        DateTime.diff(window.last_completion, first, :millisecond) / 1_000
      end

    max(seconds, @least_window) / 3_600
  end

  defp waiting(:low), do: :waiting_low
  defp waiting(:medium), do: :waiting_medium
  defp waiting(:high), do: :waiting_high
  defp waiting(:critical), do: :waiting_critical
end
