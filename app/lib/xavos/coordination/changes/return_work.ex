defmodule Xavos.Coordination.Changes.ReturnWork do
  @moduledoc "Releases the items of an agent. The agent is locked already, so it happens once."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination
  alias Xavos.Coordination.{Locks, Statuses, WorkItem}

  require Ash.Query

  @held Statuses.held()

  @impl true
  def change(changeset, _options, context) do
    Changeset.after_action(changeset, fn _changeset, agent ->
      with {:ok, items} <- held_by(agent),
           :ok <- release(items, context.actor),
           do: Locks.agent(agent.id)
    end)
  end

  defp held_by(agent) do
    WorkItem
    |> Ash.Query.filter(agent_id == ^agent.id and status in ^@held)
    |> Ash.Query.sort(:id)
    |> Ash.read(authorize?: false)
  end

  defp release(items, actor) do
    Enum.reduce_while(items, :ok, fn item, :ok ->
      case Coordination.release_work_item(item, actor: actor, authorize?: false) do
        {:ok, _item} -> {:cont, :ok}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
  end
end
