defmodule Xavos.Coordination.Changes.SetRank do
  @moduledoc "Ranks an item when it is added, and again when its priority or its team changes."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Locks, Rank, Team}

  require Ash.Query

  @impl true
  def change(%Changeset{action_type: :create} = changeset, _options, _context),
    do: Changeset.before_action(changeset, &(&1 |> alone() |> set_rank()))

  def change(changeset, _options, _context) do
    if changes_rank?(changeset),
      do: Changeset.before_action(changeset, &set_rank/1),
      else: changeset
  end

  @impl true
  def atomic(changeset, _options, _context) do
    if changes_rank?(changeset),
      do: {:not_atomic, "the rank depends on the weight of the team"},
      else: {:ok, changeset}
  end

  defp changes_rank?(changeset) do
    Enum.any?([:priority, :team_id, :inserted_at], fn name ->
      Changeset.changing_attribute?(changeset, name) or
        Keyword.has_key?(changeset.atomics, name)
    end)
  end

  # Before a team is locked: what it waits for is added in the same transaction.
  defp alone(changeset) do
    if Changeset.get_argument(changeset, :depends_on) not in [nil, []], do: Locks.reshape()
    changeset
  end

  defp set_rank(changeset) do
    rank =
      Rank.of(
        Changeset.get_attribute(changeset, :inserted_at),
        Changeset.get_attribute(changeset, :priority),
        weight(Changeset.get_attribute(changeset, :team_id))
      )

    Changeset.force_change_attribute(changeset, :rank, rank)
  end

  defp weight(nil), do: 0

  # Locked, so that the weight cannot change between here and the end of the transaction: whoever changes it then sees
  # this item, and ranks it again.
  defp weight(team_id) do
    Team
    |> Ash.Query.filter(id == ^team_id)
    |> Ash.Query.select([:weight])
    |> Ash.Query.lock("FOR SHARE")
    |> Ash.read_one!(authorize?: false)
    |> case do
      %{weight: weight} -> weight
      # The reference will say that there is no such team.
      nil -> 0
    end
  end
end
