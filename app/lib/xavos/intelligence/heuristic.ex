defmodule Xavos.Intelligence.Heuristic do
  @moduledoc """
  Advice by rules, for use without a model. The same situation gets the same advice.

  Priorities: an item is as urgent as the most urgent one that waits for it; one that three or more wait for, or that has
  waited for long, is a step more urgent than it was.

  Assignments: the most urgent work first, to an agent of its team that has room, best one whose specialization is what the
  item is about, then the one with the most room.
  """

  alias Xavos.Coordination.WorkItem
  alias Xavos.Intelligence.Situation

  # Hours after which an item has waited for long.
  @long [low: 7 * 24, medium: 3 * 24]
  @many 3
  @most 25

  @doc "Suggestions and a summary."
  @spec advise(Situation.t()) :: %{summary: String.t(), suggestions: [map]}
  def advise(%Situation{kind: :priority} = situation) do
    suggestions =
      situation.items
      |> Enum.flat_map(&reprioritize/1)
      |> Enum.sort_by(&{-level(&1.priority), &1.work_item_id})
      |> Enum.take(@most)

    %{
      suggestions: suggestions,
      summary:
        "By rules, not by a model: of #{length(situation.items)} waiting items " <>
          "#{length(suggestions)} should be more urgent."
    }
  end

  def advise(%Situation{kind: :assignment} = situation) do
    {suggestions, _agents} =
      situation.items
      |> Enum.sort_by(&{-level(&1.priority), -&1.waiting_hours, &1.work_item_id})
      |> Enum.take(@most)
      |> Enum.flat_map_reduce(situation.agents, &assign/2)

    %{
      suggestions: suggestions,
      summary:
        "By rules, not by a model: #{length(suggestions)} of #{length(situation.items)} waiting items " <>
          "have an agent with room, of #{length(situation.agents)} such agents."
    }
  end

  defp reprioritize(item) do
    [waited_for(item), many(item), long(item)]
    |> Enum.reject(&is_nil/1)
    |> Enum.max_by(fn {priority, _reason} -> level(priority) end, fn -> nil end)
    |> case do
      nil ->
        []

      {priority, reason} ->
        [
          %{
            work_item_id: item.work_item_id,
            from: item.priority,
            priority: priority,
            reason: reason
          }
        ]
    end
  end

  defp waited_for(%{waited_for_by: []}), do: nil

  defp waited_for(item) do
    other = Enum.max_by(item.waited_for_by, &level(&1.priority))

    if level(other.priority) > level(item.priority),
      do: {other.priority, "#{other.work_item_id} waits for it and is #{other.priority}"}
  end

  defp many(item) do
    count = length(item.waited_for_by)

    if count >= @many and item.priority != :critical,
      do: {step(item.priority), "#{count} items wait for it"}
  end

  defp long(item) do
    limit = @long[item.priority]

    if limit && item.waiting_hours >= limit,
      do: {step(item.priority), "has waited for #{div(trunc(item.waiting_hours), 24)} days"}
  end

  defp assign(item, agents) do
    agents
    |> Enum.filter(&(&1.workload < &1.capacity and (item.team == nil or item.team == &1.team)))
    |> Enum.min_by(&{not skilled?(&1, item), &1.workload / &1.capacity, &1.agent_id}, fn ->
      nil
    end)
    |> case do
      nil ->
        {[], agents}

      agent ->
        {[%{work_item_id: item.work_item_id, agent_id: agent.agent_id, reason: why(agent, item)}],
         take_on(agents, agent)}
    end
  end

  defp take_on(agents, %{agent_id: agent_id}) do
    Enum.map(agents, fn
      %{agent_id: ^agent_id} = agent -> %{agent | workload: agent.workload + 1}
      agent -> agent
    end)
  end

  defp why(agent, item) do
    skill = if skilled?(agent, item), do: "is good at #{agent.specialization}; ", else: ""
    team = if item.team, do: "of team #{item.team}; ", else: ""
    "#{skill}#{team}holds #{agent.workload} of #{agent.capacity}"
  end

  defp skilled?(%{specialization: nil}, _item), do: false

  defp skilled?(%{specialization: skill}, item) do
    skill = String.downcase(skill)

    String.downcase(item.type) == skill or
      String.contains?(String.downcase(item.description), skill)
  end

  defp step(priority), do: Enum.at(WorkItem.priorities(), level(priority) + 1)
  defp level(priority), do: Enum.find_index(WorkItem.priorities(), &(&1 == priority))
end
