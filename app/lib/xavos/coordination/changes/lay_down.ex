defmodule Xavos.Coordination.Changes.LayDown do
  @moduledoc "Lowers the workload of the agent that held the item."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination
  alias Xavos.Coordination.{Locks, Statuses}

  @held Statuses.held()

  @impl true
  def change(changeset, _options, _context) do
    # `changeset.data` is what the transition has locked.
    Changeset.after_action(changeset, fn %{data: before}, item ->
      if before.status in @held, do: lay_down(before.agent_id, item), else: {:ok, item}
    end)
  end

  defp lay_down(agent_id, item) do
    with {:ok, agent} <- Locks.agent(agent_id),
         {:ok, _agent} <- Coordination.lay_down(agent, authorize?: false),
         do: {:ok, item}
  end
end
