defmodule Xavos.Coordination.Changes.StillSilent do
  @moduledoc """
  Refuses to take an agent for gone that was heard of since somebody found it silent. The transition before has locked the
  agent, so that no heartbeat comes between this look and what follows from it.
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
