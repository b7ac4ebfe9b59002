defmodule Xavos.Coordination.Changes.AddDependencies do
  @moduledoc "Adds dependencies to a new item, by the work_item_ids in the argument `depends_on`."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidArgument
  alias Xavos.Coordination

  require Ash.Query

  @impl true
  def change(changeset, _options, _context) do
    case changeset |> Changeset.get_argument(:depends_on) |> List.wrap() |> Enum.uniq() do
      [] -> changeset
      names -> Changeset.after_action(changeset, &add(&1, &2, names))
    end
  end

  defp add(_changeset, item, names) do
    # Whoever may add an item may say what it waits for.
    found =
      Coordination.list_work_items!(
        query: Ash.Query.filter(Coordination.WorkItem, work_item_id in ^names),
        authorize?: false,
        page: false
      )

    case names -- Enum.map(found, & &1.work_item_id) do
      [] -> add_each(item, found)
      unknown -> {:error, unknown(unknown)}
    end
  end

  defp add_each(item, found) do
    Enum.reduce_while(found, {:ok, item}, fn other, ok ->
      case Coordination.add_dependency(item.id, other.id, authorize?: false) do
        {:ok, _dependency} -> {:cont, ok}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
  end

  defp unknown(names) do
    InvalidArgument.exception(
      field: :depends_on,
      message: "there is no work item %{names}",
      vars: [names: Enum.join(names, ", ")],
      value: names
    )
  end
end
