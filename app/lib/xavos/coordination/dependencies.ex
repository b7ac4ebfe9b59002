defmodule Xavos.Coordination.Dependencies do
  @moduledoc """
  Updates `open_dependencies` of items: the number of dependencies that are neither completed nor cancelled.

  It could be found out whenever somebody asks for work. But where most items wait for others, asking would look at all of
  them, every time. So whoever changes it counts anew, and who counts second sees what the first has done. Whoever adds a
  dependency or takes one away does so alone (`Xavos.Coordination.Locks`), so nobody waits for each other here.
  """
  alias Xavos.Coordination.WorkItem

  require Ash.Query

  @system [authorize?: false]

  @doc "Locks the two ends of a dependency that is about to be added."
  @spec lock(Ash.UUID.t(), Ash.UUID.t()) :: :ok
  def lock(work_item_id, depends_on_id) do
    for {id, lock} <- [{depends_on_id, "FOR SHARE"}, {work_item_id, "FOR UPDATE"}] do
      WorkItem
      |> Ash.Query.filter(id == ^id)
      |> Ash.Query.select([:id])
      |> Ash.Query.lock(lock)
      |> Ash.read_one!(@system)
    end

    :ok
  end

  @doc "Counts what an item waits for."
  @spec count(Ash.UUID.t()) :: :ok
  def count(id), do: WorkItem |> Ash.Query.filter(id == ^id) |> count_each()

  @doc "Counts what each waits for that waits for this item."
  @spec count_dependents(Ash.UUID.t()) :: :ok
  def count_dependents(id) do
    WorkItem |> Ash.Query.filter(exists(dependencies, depends_on_id == ^id)) |> count_each()
  end

  @doc "Counts for all items. Only needed where rows were written past the actions."
  @spec count_all() :: :ok
  def count_all, do: count_each(WorkItem)

  # Locked by one statement and counted by the next, which so sees what others did until then.
  defp count_each(query) do
    query
    |> Ash.Query.sort(:id)
    |> Ash.Query.select([:id])
    |> Ash.Query.lock("FOR UPDATE")
    |> Ash.read!(@system)
    |> Enum.map(& &1.id)
    |> case do
      [] ->
        :ok

      ids ->
        WorkItem
        |> Ash.Query.filter(id in ^ids)
        |> Ash.bulk_update!(
          :count_dependencies,
          %{},
          [strategy: :atomic, return_errors?: true] ++ @system
        )

        :ok
    end
  end
end
