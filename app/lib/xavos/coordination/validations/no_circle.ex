defmodule Xavos.Coordination.Validations.NoCircle do
  @moduledoc """
  Validates that references form no cycle: no item depends on itself and no team belongs to itself, also not
  indirectly.

  `relationship: :parent` follows a team to what it belongs to; `relationship: :depends_on` follows a dependency to
  everything that the item it names waits for.
  """
  use Ash.Resource.Validation

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidAttribute
  alias Xavos.Coordination.{Team, WorkItemDependency}

  require Ash.Query

  @impl true
  def validate(changeset, [relationship: :parent], _context) do
    follow(
      changeset.data.id,
      [Changeset.get_attribute(changeset, :parent_id)],
      :parent_id,
      fn ids ->
        Team
        |> Ash.Query.filter(id in ^ids and not is_nil(parent_id))
        |> Ash.read!(authorize?: false)
        |> Enum.map(& &1.parent_id)
      end
    )
  end

  def validate(changeset, [relationship: :depends_on], _context) do
    start = [Changeset.get_attribute(changeset, :depends_on_id)]

    changeset
    |> Changeset.get_attribute(:work_item_id)
    |> follow(start, :depends_on_id, fn ids ->
      WorkItemDependency
      |> Ash.Query.filter(work_item_id in ^ids)
      |> Ash.read!(authorize?: false)
      |> Enum.map(& &1.depends_on_id)
    end)
  end

  # Breadth first, a query for each step of the way; what was seen is not asked for again.
  defp follow(origin, ids, field, next, seen \\ MapSet.new()) do
    ids = ids |> Enum.reject(&(is_nil(&1) or &1 in seen)) |> Enum.uniq()

    cond do
      ids == [] ->
        :ok

      is_nil(origin) ->
        :ok

      origin in ids ->
        {:error, InvalidAttribute.exception(field: field, message: "would lead back to itself")}

      true ->
        follow(origin, next.(ids), field, next, MapSet.union(seen, MapSet.new(ids)))
    end
  end
end
