defmodule Xavos.Coordination.Rank do
  @moduledoc """
  Computes the rank of an item, which is the order in which work is assigned.

  An item's rank is the moment at which it was added, moved back by its priority and by the weight of its team. The
  earliest rank is given out first. So of two items of the same age the more urgent one comes first; but a rank never
  moves forward, and whatever is added later than the longest way back comes after it: nothing starves.

  | | moved back by |
  |---|---|
  | `low` | nothing |
  | `medium` | 4 hours |
  | `high` | 12 hours |
  | `critical` | 48 hours |
  | each point of a team's weight (0 to 100) | 5 minutes |
  """

  @hour 3600
  @boosts %{low: 0, medium: 4 * @hour, high: 12 * @hour, critical: 48 * @hour}
  @weight 300

  @doc "By how many seconds a rank is before the moment at which its item was added."
  @spec boost(atom, 0..100) :: non_neg_integer
  def boost(priority, weight), do: Map.fetch!(@boosts, priority) + weight * @weight

  @doc "The rank of an item."
  @spec of(DateTime.t(), atom, 0..100) :: DateTime.t()
  def of(inserted_at, priority, weight),
    do: DateTime.add(inserted_at, -boost(priority, weight), :second)

  @doc "After how many seconds even the least item comes before everything that is new."
  @spec patience() :: pos_integer
  def patience, do: boost(:critical, 100)
end
