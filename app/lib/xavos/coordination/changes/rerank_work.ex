defmodule Xavos.Coordination.Changes.RerankWork do
  @moduledoc """
  Ranks the work of a team again when the team's weight changes or the team is deleted. A lock excludes other
  changes of teams meanwhile: see `Xavos.Coordination.Locks`.
  """
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Locks, Rank, Statuses, WorkItem}

  require Ash.Query

  @closed Statuses.closed()

  @impl true
  def change(%Changeset{action_type: :destroy} = changeset, _options, _context) do
    # Before: afterwards nobody knows which work was the team's.
    Changeset.before_action(changeset, fn changeset ->
      Locks.reshape()
      rerank(changeset.data.id, 0)
      changeset
    end)
  end

  def change(changeset, _options, _context) do
    changeset
    |> Changeset.before_action(fn changeset ->
      Locks.reshape()
      changeset
    end)
    |> Changeset.after_action(fn changeset, team ->
      if Changeset.changing_attribute?(changeset, :weight), do: rerank(team.id, team.weight)
      {:ok, team}
    end)
  end

  # What is over needs no rank; what has failed may be tried again.
  defp rerank(team_id, weight) do
    for priority <- WorkItem.priorities() do
      WorkItem
      |> Ash.Query.filter(
        team_id == ^team_id and priority == ^priority and status not in ^@closed
      )
      |> Ash.bulk_update!(:rerank, %{boost: Rank.boost(priority, weight)},
        strategy: :atomic,
        authorize?: false,
        return_errors?: true
      )
    end
  end
end
