defmodule Xavos.Coordination.Changes.CountDependencies do
  @moduledoc "Counts the open dependencies of an item again after a dependency was added or removed."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Dependencies, Locks}

  @impl true
  def change(%Changeset{action_type: :create} = changeset, _options, _context) do
    changeset
    |> Changeset.before_action(fn changeset ->
      Locks.reshape()

      Dependencies.lock(
        Changeset.get_attribute(changeset, :work_item_id),
        Changeset.get_attribute(changeset, :depends_on_id)
      )

      changeset
    end)
    |> Changeset.after_action(&count/2)
  end

  def change(changeset, _options, _context) do
    changeset
    |> Changeset.before_action(fn changeset ->
      Locks.reshape()
      changeset
    end)
    |> Changeset.after_action(&count/2)
  end

  @impl true
  def atomic(changeset, options, context), do: {:ok, change(changeset, options, context)}

  defp count(_changeset, dependency) do
    Dependencies.count(dependency.work_item_id)
    {:ok, dependency}
  end
end
