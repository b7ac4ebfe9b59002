defmodule Xavos.Coordination.Changes.Assign do
  @moduledoc "Assigns an item to an agent that works, has capacity, and belongs to the item's team."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidArgument
  alias Xavos.Coordination
  alias Xavos.Coordination.{Locks, Statuses, WorkItemDependency}

  require Ash.Query

  @available Statuses.available()
  @closed Statuses.closed()

  @impl true
  def change(changeset, _options, _context) do
    changeset
    |> Changeset.before_action(&assign/1)
    |> Changeset.after_action(fn _changeset, item ->
      with {:ok, agent} <- Locks.agent(item.agent_id),
           {:ok, _agent} <- Coordination.take_on(agent, authorize?: false),
           do: {:ok, item}
    end)
  end

  defp assign(changeset) do
    with {:ok, agent} <- Locks.agent(Changeset.get_argument(changeset, :agent_id)),
         {:ok, item} <- Locks.work_item(changeset.data),
         :ok <- works(agent),
         :ok <- has_room(agent),
         :ok <- same_team(agent, item),
         :ok <- ready(item) do
      %{changeset | data: item}
      |> AshStateMachine.transition_state(:claimed)
      |> Changeset.force_change_attributes(agent_id: agent.id, claimed_at: DateTime.utc_now())
    else
      {:error, error} -> Changeset.add_error(changeset, error)
    end
  end

  defp works(%{status: status}) when status in @available, do: :ok

  defp works(%{status: status} = agent),
    do: refuse(agent, "is %{status} and takes no work", status: status)

  defp has_room(%{workload: workload, capacity: capacity}) when workload < capacity, do: :ok

  defp has_room(%{workload: workload} = agent),
    do: refuse(agent, "has no room: it holds %{workload} already", workload: workload)

  defp same_team(_agent, %{team_id: nil}), do: :ok
  defp same_team(%{team_id: team_id}, %{team_id: team_id}), do: :ok
  defp same_team(agent, _item), do: refuse(agent, "is not of the team that the item is for", [])

  defp ready(item) do
    WorkItemDependency
    |> Ash.Query.filter(work_item_id == ^item.id and depends_on.status not in ^@closed)
    |> Ash.exists(authorize?: false)
    |> case do
      {:ok, false} ->
        :ok

      {:ok, true} ->
        {:error,
         InvalidArgument.exception(
           field: :work_item_id,
           message: "waits for work that is not done",
           value: item.work_item_id
         )}

      error ->
        error
    end
  end

  defp refuse(agent, message, vars) do
    {:error,
     InvalidArgument.exception(
       field: :agent_id,
       message: message,
       vars: vars,
       value: agent.agent_id
     )}
  end
end
