defmodule Xavos.Coordination.Changes.RefuseHeld do
  @moduledoc "Refuses to delete an item that an agent holds, because the agent's workload would stay too high."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidAttribute
  alias Xavos.Coordination.{Locks, Statuses}

  @held Statuses.held()

  @impl true
  def change(changeset, _options, _context), do: Changeset.before_action(changeset, &refuse/1)

  defp refuse(changeset) do
    case Locks.work_item(changeset.data) do
      {:ok, %{status: status}} when status in @held ->
        Changeset.add_error(
          changeset,
          InvalidAttribute.exception(
            field: :status,
            message: "is #{status}: release or cancel it first"
          )
        )

      {:ok, _item} ->
        changeset

      {:error, error} ->
        Changeset.add_error(changeset, error)
    end
  end
end
