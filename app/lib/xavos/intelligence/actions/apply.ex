defmodule Xavos.Intelligence.Actions.Apply do
  @moduledoc """
  Applies the suggestions of an advice one by one. A suggestion that is no longer valid is skipped, with the reason
  stored.

  The decision is written first, so that nobody can apply the same advice again while this goes on.
  """
  use Ash.Resource.Actions.Implementation

  alias Xavos.{Coordination, ErrorMessages, Intelligence}

  @impl true
  def run(input, _options, context) do
    ash = [actor: context.actor, authorize?: context.authorize?]
    automatic = %{automatic?: Map.get(input.context, :automatic?, false)}

    with {:ok, advice} <- Intelligence.get_advice(input.arguments.id, ash),
         {:ok, advice} <- Intelligence.begin_applying(advice, automatic, ash) do
      outcomes = Enum.map(advice.suggestions, &outcome(&1, ash))
      # What has happened is written down, whoever may do what by now.
      Intelligence.record_outcome(advice, outcomes, authorize?: false)
    end
  end

  defp outcome(suggestion, ash) do
    suggestion = Map.take(suggestion, [:work_item_id, :from, :priority, :agent_id, :reason])

    case follow(suggestion, ash) do
      {:ok, _item} -> Map.put(suggestion, :outcome, :applied)
      {:skip, why} -> Map.merge(suggestion, %{outcome: :skipped, note: String.slice(why, 0, 500)})
    end
  end

  defp follow(suggestion, ash) do
    with {:ok, item} <- item(suggestion, ash),
         :ok <- holds(suggestion, item),
         {:ok, item} <- change(suggestion, item, ash) do
      {:ok, item}
    else
      {:skip, why} -> {:skip, why}
      {:error, error} -> {:skip, ErrorMessages.join(error)}
    end
  end

  defp item(suggestion, ash) do
    case Coordination.get_work_item_by_work_item_id(
           suggestion.work_item_id,
           [not_found_error?: false] ++ ash
         ) do
      {:ok, nil} -> {:skip, "there is no such item any more"}
      other -> other
    end
  end

  defp holds(%{priority: nil}, %{status: :pending}), do: :ok
  defp holds(%{priority: nil}, %{status: status}), do: {:skip, "it is #{status} by now"}

  defp holds(_suggestion, %{status: status}) when status != :pending,
    do: {:skip, "it is #{status} by now"}

  defp holds(%{from: from}, %{priority: from}), do: :ok

  defp holds(_suggestion, %{priority: priority}),
    do: {:skip, "its priority is #{priority} by now"}

  defp change(%{priority: nil, agent_id: agent_id}, item, ash) do
    case Coordination.get_agent_by_agent_id(agent_id, [not_found_error?: false] ++ ash) do
      {:ok, nil} -> {:skip, "there is no agent #{agent_id} any more"}
      {:ok, agent} -> Coordination.assign_work_item(item, agent.id, ash)
      error -> error
    end
  end

  defp change(%{priority: priority}, item, ash),
    do: Coordination.update_work_item(item, %{priority: priority}, ash)
end
