defmodule Xavos.Coordination.Changes.CountWorkload do
  @moduledoc "Sets an agent's workload to the number of its items."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Statuses, WorkItem}

  require Ash.Query

  @held Statuses.held()

  @impl true
  def change(changeset, _options, _context) do
    Changeset.before_action(changeset, fn changeset ->
      Changeset.force_change_attribute(changeset, :workload, held_by(changeset.data.id))
    end)
  end

  @doc "How many items an agent holds."
  def held_by(agent_id) do
    WorkItem
    |> Ash.Query.filter(agent_id == ^agent_id and status in ^@held)
    |> Ash.count!(authorize?: false)
  end
end
