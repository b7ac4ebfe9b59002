defmodule Xavos.Coordination.Changes.Transition do
  @moduledoc """
  Takes a record to another state of its machine: `{Transition, to: :blocked}`; without `to`, to the status that the action
  was given.

  The record is locked and read again first: whether the way is open is decided by what is, not by what somebody has read.
  """
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Agent, Locks, WorkItem}

  @impl true
  def change(changeset, options, _context) do
    target = options[:to] || Changeset.get_attribute(changeset, :status)

    Changeset.before_action(changeset, fn changeset ->
      case lock(changeset.data) do
        {:ok, record} -> AshStateMachine.transition_state(%{changeset | data: record}, target)
        {:error, error} -> Changeset.add_error(changeset, error)
      end
    end)
  end

  defp lock(%Agent{id: id}), do: Locks.agent(id)
  defp lock(%WorkItem{} = item), do: Locks.work_item(item)
end
