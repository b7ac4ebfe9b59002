defmodule Xavos.ScrumTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Scrum

  test "without anything, everything is nothing" do
    assert %{teams: [], total: total, nobodys: total, since: since, until: until} =
             Scrum.summary()

    assert DateTime.diff(until, since, :hour) == 24

    assert %{
             pending: 0,
             claimed: 0,
             in_progress: 0,
             blocked: 0,
             completed: 0,
             failed: 0,
             cancelled: 0,
             ready: 0,
             agents: 0,
             capacity: 0,
             workload: 0,
             finished: 0,
             cycle_time_median: nil,
             cycle_time_p85: nil,
             waiting: %{low: 0, medium: 0, high: 0, critical: 0}
           } = total

    assert total.per_hour == 0.0
    assert total.per_day == 0.0
  end

  test "a team's work is counted by status, what waits by priority" do
    team = team(name: "rockets", title: "The Rockets", weight: 7)
    for priority <- [:low, :low, :critical], do: work_item(team_id: team.id, priority: priority)
    agent = agent(team_id: team.id, capacity: 10)

    for status <- [:claimed, :blocked, :blocked],
        do: item(status, team_id: team.id, agent_id: agent.id)

    item(:failed, team_id: team.id)

    assert %{teams: [node]} = Scrum.summary()
    assert %{name: "rockets", title: "The Rockets", weight: 7, depth: 0, teams: []} = node
    refute node.scrum_of_scrums?
    assert node.figures == node.own

    assert %{pending: 3, claimed: 1, blocked: 2, failed: 1, completed: 0} = node.own
    assert %{low: 2, medium: 0, high: 0, critical: 1} = node.own.waiting
  end

  test "what waits for something else is not ready" do
    team = team()
    first = work_item(team_id: team.id)
    work_item(team_id: team.id, depends_on: [first.work_item_id])
    assert %{pending: 2, ready: 1} = own(team)
  end

  test "agents that are offline do not count" do
    team = team()
    agent(team_id: team.id, capacity: 3) |> Ash.Seed.update!(%{status: :active, workload: 2})
    agent(team_id: team.id, capacity: 5) |> Ash.Seed.update!(%{status: :offline})
    assert %{agents: 1, capacity: 3, workload: 2} = own(team)
  end

  test "throughput and cycle times are of what was completed since then" do
    team = team()
    # 10, 20, … 100 seconds, one in each hour.
    for number <- 1..10, do: completed(team, hours_ago: number, seconds: number * 10)
    completed(team, hours_ago: 30, seconds: 9_999)

    assert %{finished: 10, completed: 11} = figures = own(team)
    assert_in_delta figures.per_day, 10.0, 0.01

    # From the first claim, 100 seconds before the first completion, to the last completion nine hours later.
    assert_in_delta figures.per_hour, 10 / (9 + 100 / 3600), 0.01
    assert_in_delta figures.cycle_time_median, 55.0, 0.01
    assert_in_delta figures.cycle_time_p85, 86.5, 0.01
  end

  test "since when may be said" do
    team = team()
    for number <- 1..10, do: completed(team, hours_ago: number, seconds: 10)
    since = DateTime.add(DateTime.utc_now(), -5 * 3600 + 60, :second)
    assert %{teams: [%{own: %{finished: 4} = figures}]} = Scrum.summary(since: since)
    assert_in_delta figures.per_hour, 4 / (3 + 10 / 3600), 0.01
    assert_in_delta figures.per_day, 4 / 5 * 24, 0.1
  end

  test "done per hour is a rate over the time in which work was done" do
    team = team()
    # Sixty items in half an hour, long ago.
    for number <- 1..60, do: completed(team, minutes_ago: 660 - div(number, 2), seconds: 30)
    assert_in_delta own(team).per_hour, 120, 5
    assert own(team).per_day == 60.0
  end

  test "a single item does not make a rate of thousands" do
    team = team()
    completed(team, minutes_ago: 5, seconds: 0.02)
    assert own(team).per_hour == 60.0
  end

  test "what was claimed before counts from then on" do
    team = team()
    completed(team, minutes_ago: 60, seconds: 10 * 3600)
    since = DateTime.add(DateTime.utc_now(), -5 * 3600, :second)
    assert %{teams: [%{own: figures}]} = Scrum.summary(since: since)
    assert_in_delta figures.per_hour, 1 / 4, 0.01
  end

  test "what nobody is known to have claimed counts by its completion" do
    team = team()

    for number <- 0..2,
        do:
          completed(team, minutes_ago: number * 30, seconds: 0)
          |> Ash.Seed.update!(%{claimed_at: nil})

    assert_in_delta own(team).per_hour, 3, 0.01
  end

  test "the rate of a scrum of scrums is that of all its items, not the sum of rates" do
    top = team(name: "top")
    [one, other] = for name <- ~w(one other), do: team(name: name, parent_id: top.id)
    for number <- 0..5, do: completed(one, minutes_ago: 60 + number, seconds: 60)
    for number <- 0..5, do: completed(other, minutes_ago: 600 + number, seconds: 60)

    assert %{teams: [%{figures: figures, teams: [%{own: first}, %{own: second}]}], total: total} =
             Scrum.summary()

    for own <- [first, second], do: assert_in_delta(own.per_hour, 60, 1)
    assert figures.finished == 12
    assert_in_delta figures.per_hour, 12 / (546 / 60), 0.01
    assert_in_delta total.per_hour, figures.per_hour, 0.001
  end

  test "a scrum of scrums is the sum of its teams, however deep" do
    top = team(name: "top")
    middle = team(name: "middle", parent_id: top.id)
    low = team(name: "low", parent_id: middle.id)
    other = team(name: "other", parent_id: top.id)

    for {team, count} <- [{top, 1}, {middle, 2}, {low, 3}, {other, 4}],
        number <- 1..count do
      item(:blocked, team_id: team.id, agent_id: agent(team_id: team.id).id)
      completed(team, hours_ago: 1, seconds: count * 100 + number)
    end

    summary = Scrum.summary()
    assert %{teams: [%{name: "top"} = node]} = summary
    assert node.scrum_of_scrums?
    assert %{blocked: 1, finished: 1, agents: 1} = node.own
    assert %{blocked: 10, finished: 10, agents: 10} = node.figures

    # The median of all ten, not of medians.
    times = for count <- 1..4, number <- 1..count, do: count * 100 + number
    assert_in_delta node.figures.cycle_time_median, median(times), 0.01

    assert [{"top", 0, 10}, {"middle", 1, 5}, {"low", 2, 3}, {"other", 1, 4}] =
             for(
               team <- Scrum.flatten(summary),
               do: {team.name, team.depth, team.figures.blocked}
             )

    assert summary.total.blocked == 10
    assert summary.nobodys.blocked == 0
  end

  test "the weightiest team comes first" do
    for {name, weight} <- [a: 0, b: 9, c: 0], do: team(name: to_string(name), weight: weight)
    assert ["b", "a", "c"] = Enum.map(Scrum.summary().teams, & &1.name)
  end

  test "work and agents without a team are nobody's, and in the total" do
    work_item()
    work_item(team_id: team().id)
    agent()
    assert %{nobodys: %{pending: 1, agents: 1}, total: %{pending: 2, agents: 1}} = Scrum.summary()
  end

  # --- helpers ---

  defp own(team), do: Enum.find(Scrum.summary().teams, &(&1.id == team.id)).own

  # As the database has it.
  defp item(status, attributes) do
    work_item() |> Ash.Seed.update!(Map.new([status: status] ++ attributes))
  end

  defp completed(team, hours_ago: hours, seconds: seconds),
    do: completed(team, DateTime.add(DateTime.utc_now(), -hours * 3600 + 30, :second), seconds)

  defp completed(team, minutes_ago: minutes, seconds: seconds),
    do: completed(team, DateTime.add(DateTime.utc_now(), -minutes * 60, :second), seconds)

  defp completed(team, finished_at, seconds) do
    item(:completed,
      team_id: team.id,
      finished_at: finished_at,
      claimed_at: DateTime.add(finished_at, -round(seconds * 1_000), :millisecond)
    )
  end

  defp median(times) do
    [one, other] = times |> Enum.sort() |> Enum.slice(div(length(times), 2) - 1, 2)
    (one + other) / 2
  end
end
