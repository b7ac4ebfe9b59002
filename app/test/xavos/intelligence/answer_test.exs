defmodule Xavos.Intelligence.AnswerTest do
  use ExUnit.Case, async: true

  alias Xavos.Intelligence.{Answer, Situation}

  defp item(name, attributes \\ %{}),
    do: Map.merge(%{work_item_id: name, priority: :medium, team: nil}, Map.new(attributes))

  defp agent(name, attributes \\ %{}),
    do: Map.merge(%{agent_id: name, team: nil, capacity: 1, workload: 0}, Map.new(attributes))

  defp validate(kind, suggestions, items, agents \\ []) do
    situation = %Situation{kind: kind, now: DateTime.utc_now(), items: items, agents: agents}
    {:ok, answer} = Answer.validate(%{"summary" => "S", "suggestions" => suggestions}, situation)
    {answer.suggestions, answer.refused}
  end

  defp priority(name, priority),
    do: %{"work_item_id" => name, "priority" => priority, "reason" => "r"}

  defp assign(name, agent), do: %{"work_item_id" => name, "agent_id" => agent, "reason" => "r"}

  test "what does not exist is dropped, and what does is kept" do
    assert {[%{work_item_id: "A", priority: :high}], ["there is no waiting item Z"]} =
             validate(:priority, [priority("Z", "high"), priority("A", "high")], [item("A")])
  end

  test "a priority that is none, or that it has, or a second time, is dropped" do
    suggestions = [
      priority("A", "urgent"),
      priority("A", "medium"),
      priority("A", "low"),
      priority("A", "high")
    ]

    assert {[%{priority: :low, from: :medium}],
            ["A: urgent is no priority", "A is medium already", "A is there twice"]} =
             validate(:priority, suggestions, [item("A")])
  end

  test "suggestions of another shape are dropped" do
    assert {[], [_, _, _]} = validate(:priority, ["A", %{"work_item_id" => 1}, nil], [item("A")])
  end

  test "an agent that is unknown, full, or of another team is dropped" do
    items = [item("A"), item("B", team: "red"), item("C"), item("D")]
    agents = [agent("one"), agent("two", team: "blue")]

    suggestions = [
      assign("A", "three"),
      assign("B", "two"),
      assign("C", "one"),
      assign("D", "one")
    ]

    assert {[%{work_item_id: "C", agent_id: "one"}], refused} =
             validate(:assignment, suggestions, items, agents)

    assert refused == [
             "A: there is no agent three with room",
             "B is for the team red, two is of another",
             "D: one has no more room"
           ]
  end

  test "texts are cut and lose what is no text" do
    suggestion = %{priority("A", "high") | "reason" => "a\0b" <> String.duplicate("x", 1_000)}
    assert {[%{reason: "a b" <> _ = reason}], []} = validate(:priority, [suggestion], [item("A")])
    assert String.length(reason) == 500
  end

  test "no more than fifty are looked at" do
    items = for n <- 1..60, do: item("I#{n}")
    suggestions = for n <- 1..60, do: priority("I#{n}", "high")
    assert {accepted, ["10 suggestions more" <> _]} = validate(:priority, suggestions, items)
    assert length(accepted) == 50
  end
end
