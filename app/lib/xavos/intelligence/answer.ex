defmodule Xavos.Intelligence.Answer do
  @moduledoc """
  The format that a model must answer in, and the validation of its answer.

  An answer of another shape is refused as a whole. A suggestion about what is not there, or that cannot be followed, is
  dropped, with the reason.
  """

  alias Xavos.Coordination.WorkItem
  alias Xavos.Intelligence.Situation

  @most 50
  @longest_reason 500
  @longest_summary 2_000

  @doc "The tool that the model has to use."
  @spec tool(:priority | :assignment) :: map
  def tool(:priority) do
    tool("suggest_priorities", "Suggests other priorities for items of work.", %{
      priority: %{type: "string", enum: Enum.map(WorkItem.priorities(), &to_string/1)}
    })
  end

  def tool(:assignment) do
    tool("suggest_assignments", "Suggests which agent should do which item of work.", %{
      agent_id: %{
        type: "string",
        description: "The agent_id of one of the agents that were named."
      }
    })
  end

  defp tool(name, description, properties) do
    properties =
      Map.merge(properties, %{
        work_item_id: %{
          type: "string",
          description: "The work_item_id of one of the items that were named."
        },
        reason: %{type: "string", description: "Why, in one sentence."}
      })

    %{
      name: name,
      description: description,
      input_schema: %{
        type: "object",
        required: ["summary", "suggestions"],
        properties: %{
          summary: %{type: "string", description: "The advice in one to three sentences."},
          suggestions: %{
            type: "array",
            items: %{
              type: "object",
              required: Enum.sort(Map.keys(properties)),
              properties: properties
            }
          }
        }
      }
    }
  end

  @doc "What of the model's `input` to the tool makes sense."
  @spec validate(term, Situation.t()) ::
          {:ok, %{summary: String.t(), suggestions: [map], refused: [String.t()]}}
          | {:error, String.t()}
  def validate(%{"summary" => summary, "suggestions" => suggestions}, situation)
      when is_binary(summary) and is_list(suggestions) do
    items = Map.new(situation.items, &{&1.work_item_id, &1})
    agents = Map.new(situation.agents, &{&1.agent_id, &1})
    {looked_at, rest} = Enum.split(suggestions, @most)
    seen = %{accepted: [], refused: [], items: MapSet.new(), agents: agents}

    result =
      Enum.reduce(looked_at, seen, fn suggestion, seen ->
        case check(suggestion, situation.kind, items, seen) do
          {:ok, accepted} -> accept(accepted, seen)
          {:error, reason} -> %{seen | refused: [reason | seen.refused]}
        end
      end)

    more =
      if rest == [],
        do: [],
        else: ["#{length(rest)} suggestions more than the #{@most} that are looked at"]

    {:ok,
     %{
       summary: tidy(summary, @longest_summary, "(no summary)"),
       suggestions: Enum.reverse(result.accepted),
       refused: Enum.reverse(result.refused) ++ more
     }}
  end

  def validate(_input, _situation),
    do: {:error, "the answer has no summary or no list of suggestions"}

  defp check(%{"work_item_id" => name, "reason" => reason} = suggestion, kind, items, seen)
       when is_binary(name) and is_binary(reason) do
    cond do
      not is_map_key(items, name) ->
        {:error, "there is no waiting item #{short(name)}"}

      name in seen.items ->
        {:error, "#{name} is there twice"}

      true ->
        check_kind(
          kind,
          suggestion,
          items[name],
          tidy(reason, @longest_reason, "(no reason)"),
          seen.agents
        )
    end
  end

  defp check(_suggestion, _kind, _items, _seen),
    do: {:error, "a suggestion names no item or no reason"}

  defp check_kind(:priority, suggestion, item, reason, _agents) do
    priority = Enum.find(WorkItem.priorities(), &(to_string(&1) == suggestion["priority"]))

    cond do
      priority == nil ->
        {:error, "#{item.work_item_id}: #{short(suggestion["priority"])} is no priority"}

      priority == item.priority ->
        {:error, "#{item.work_item_id} is #{priority} already"}

      true ->
        {:ok,
         %{
           work_item_id: item.work_item_id,
           from: item.priority,
           priority: priority,
           reason: reason
         }}
    end
  end

  defp check_kind(:assignment, suggestion, item, reason, agents) do
    agent = is_binary(suggestion["agent_id"]) && agents[suggestion["agent_id"]]

    cond do
      !agent ->
        {:error,
         "#{item.work_item_id}: there is no agent #{short(suggestion["agent_id"])} with room"}

      agent.workload >= agent.capacity ->
        {:error, "#{item.work_item_id}: #{agent.agent_id} has no more room"}

      item.team != nil and item.team != agent.team ->
        {:error,
         "#{item.work_item_id} is for the team #{item.team}, #{agent.agent_id} is of another"}

      true ->
        {:ok, %{work_item_id: item.work_item_id, agent_id: agent.agent_id, reason: reason}}
    end
  end

  defp accept(suggestion, seen) do
    %{
      seen
      | accepted: [suggestion | seen.accepted],
        items: MapSet.put(seen.items, suggestion.work_item_id),
        agents: take_on(seen.agents, suggestion[:agent_id])
    }
  end

  defp take_on(agents, nil), do: agents

  defp take_on(agents, agent_id),
    do: Map.update!(agents, agent_id, &%{&1 | workload: &1.workload + 1})

  # What PostgreSQL or a page could not carry has no place in a text.
  defp tidy(text, length, otherwise) do
    text = text |> String.replace(~r/[[:cntrl:]]+/u, " ") |> String.trim()
    if text == "", do: otherwise, else: cut(text, length)
  end

  defp short(text) when is_binary(text), do: tidy(text, 60, "(no name)")
  defp short(_other), do: "(no name)"

  defp cut(text, length) do
    if String.length(text) > length, do: String.slice(text, 0, length - 1) <> "…", else: text
  end
end
