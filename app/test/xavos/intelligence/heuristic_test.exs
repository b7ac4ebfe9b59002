defmodule Xavos.Intelligence.HeuristicTest do
  use ExUnit.Case, async: true

  alias Xavos.Intelligence.{Heuristic, Situation}

  defp item(name, attributes \\ %{}) do
    Map.merge(
      %{
        work_item_id: name,
        type: "task",
        description: "Something",
        priority: :medium,
        team: nil,
        waiting_hours: 1.0,
        waited_for_by: []
      },
      Map.new(attributes)
    )
  end

  defp agent(name, attributes \\ %{}) do
    Map.merge(
      %{agent_id: name, specialization: nil, team: nil, capacity: 2, workload: 0},
      Map.new(attributes)
    )
  end

  defp advise(kind, items, agents \\ []),
    do:
      Heuristic.advise(%Situation{
        kind: kind,
        now: DateTime.utc_now(),
        items: items,
        agents: agents
      })

  test "it says that it is no model" do
    assert advise(:priority, []).summary =~ "not by a model"
    assert advise(:assignment, []).summary =~ "not by a model"
  end

  test "an item is as urgent as what waits for it" do
    items = [
      item("A", waited_for_by: [%{work_item_id: "B", priority: :critical}]),
      item("B", priority: :critical)
    ]

    assert [%{work_item_id: "A", from: :medium, priority: :critical, reason: reason}] =
             advise(:priority, items).suggestions

    assert reason == "B waits for it and is critical"
  end

  test "an item that many wait for is a step more urgent" do
    others = for n <- 1..3, do: %{work_item_id: "O#{n}", priority: :low}

    assert [%{priority: :high}] =
             advise(:priority, [item("A", waited_for_by: others)]).suggestions

    assert [] =
             advise(:priority, [item("A", priority: :critical, waited_for_by: others)]).suggestions
  end

  test "an item that has waited for long is a step more urgent, but not forever" do
    assert [%{priority: :high, reason: "has waited for 4 days"}] =
             advise(:priority, [item("A", waiting_hours: 100.0)]).suggestions

    assert [] =
             advise(:priority, [item("A", priority: :high, waiting_hours: 10_000.0)]).suggestions
  end

  test "work goes to who is good at it and has room, within the team" do
    items = [
      item("A", type: "elixir"),
      item("B", priority: :critical, team: "red"),
      item("C", team: "green")
    ]

    agents = [
      agent("general"),
      agent("wizard", specialization: "Elixir", workload: 1),
      agent("red", team: "red")
    ]

    given =
      Map.new(advise(:assignment, items, agents).suggestions, &{&1.work_item_id, &1.agent_id})

    assert given == %{"A" => "wizard", "B" => "red"}
  end

  test "nobody is given more than they can hold" do
    items = for n <- 1..5, do: item("I#{n}")

    assert length(advise(:assignment, items, [agent("a"), agent("b", capacity: 1)]).suggestions) ==
             3
  end

  test "the same situation gets the same advice" do
    items = for n <- 1..30, do: item("I#{n}", waiting_hours: 100.0 + n)
    agents = for n <- 1..9, do: agent("a#{n}")
    assert advise(:priority, items) == advise(:priority, items)
    assert advise(:assignment, items, agents) == advise(:assignment, items, agents)
  end
end
