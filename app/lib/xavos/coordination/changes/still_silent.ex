defmodule Xavos.Coordination.Changes.StillSilent do
  @moduledoc """
  Refuses to expire an agent that sent a heartbeat after it was found silent. The transition has locked the agent,
  so no heartbeat can come between this check and the expiry.
  """
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.StaleRecord
  alias Xavos.Coordination.Agent

  @impl true
  def change(changeset, _options, _context) do
    Changeset.before_action(changeset, fn %{data: agent} = changeset ->
      case Ash.load(agent, :silent?, authorize?: false) do
        {:ok, %{silent?: true}} -> changeset
        {:ok, _heard_of} -> Changeset.add_error(changeset, heard_of(agent))
        {:error, error} -> Changeset.add_error(changeset, error)
      end
    end)
  end

  defp heard_of(agent),
    do: StaleRecord.exception(resource: Agent, filter: %{id: agent.id, silent?: true})
end
