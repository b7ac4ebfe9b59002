defmodule Xavos.Coordination.Changes.CountDependents do
  @moduledoc "When an item is completed or cancelled, lowers the number of open dependencies of its dependents."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Dependencies, Statuses}

  @closed Statuses.closed()

  # They leave the status as it is, and are done to many at once.
  @elsewhere [:rerank, :count_dependencies]

  @impl true
  def change(%Changeset{action: %{name: name}} = changeset, _options, _context)
      when name in @elsewhere,
      do: changeset

  def change(changeset, _options, _context) do
    Changeset.after_action(changeset, fn %{data: before}, item ->
      if over?(before) != over?(item), do: Dependencies.count_dependents(item.id)

      {:ok, item}
    end)
  end

  defp over?(%{status: status}), do: status in @closed

  @impl true
  def atomic(%Changeset{action: %{name: name}} = changeset, _options, _context)
      when name in @elsewhere,
      do: {:ok, changeset}

  def atomic(_changeset, _options, _context), do: {:not_atomic, "it may be over then"}
end
