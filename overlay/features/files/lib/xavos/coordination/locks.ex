defmodule Xavos.Coordination.Locks do
  @moduledoc """
  Locks rows until the end of the transaction, always in the same order: an agent before the work that it holds.
  Without an order, two who do things to the same pair could each wait for the other.
  """
  alias Ash.Error.Changes.StaleRecord
  alias Xavos.Coordination.{Agent, WorkItem}

  @doc "The agent of this id as it is now, locked."
  def agent(id), do: Ash.get(Agent, id, lock: :for_update, authorize?: false)

  @doc "The item as it is now, locked after its holder."
  def work_item(%{agent_id: nil} = item), do: unchanged_holder(item)

  def work_item(%{agent_id: agent_id} = item) do
    with {:ok, _agent} <- agent(agent_id), do: unchanged_holder(item)
  end

  # Somebody else's since it was read: its new holder is not locked.
  defp unchanged_holder(%{agent_id: agent_id} = item) do
    case Ash.get(WorkItem, item.id, lock: :for_update, authorize?: false) do
      {:ok, %{agent_id: ^agent_id} = item} ->
        {:ok, item}

      {:ok, _another} ->
        {:error, StaleRecord.exception(resource: WorkItem, filter: %{id: item.id})}

      error ->
        error
    end
  end
end
