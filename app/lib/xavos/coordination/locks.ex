defmodule Xavos.Coordination.Locks do
  @moduledoc """
  Locks rows until the end of the transaction, always in the same order: structure of the work, agent, its items.
  The fixed order prevents deadlocks between two transactions on the same rows.

  The shape of the work is what waits for what, and in which order teams have their work done. Whoever changes it is alone
  (`reshape/0`): it concerns many items, in no order that everybody could keep. Whoever takes an item from one state to
  another holds it still meanwhile (`hold_shape/0`), side by side with all others who do. Claiming needs neither: it takes
  only what nobody has locked.
  """
  alias Ash.Error.Changes.StaleRecord
  alias Xavos.Coordination.{Agent, WorkItem}
  alias Xavos.Repo

  # Numbers that nothing else in the database locks.
  @shape 7_240_415
  @spending 7_240_416

  @doc "Alone until the end of the transaction: what waits for what, and the order of work, are about to change."
  @spec reshape() :: :ok
  def reshape do
    if shared?(), do: Repo.query!("SELECT pg_advisory_xact_lock($1)", [@shape])
    :ok
  end

  @doc "Alone until the end of the transaction, in whichever VM: what advice may still cost is being counted."
  @spec spending() :: :ok
  def spending do
    if shared?(), do: Repo.query!("SELECT pg_advisory_xact_lock($1)", [@spending])
    :ok
  end

  @doc "Until the end of the transaction they stay as they are."
  @spec hold_shape() :: :ok
  def hold_shape do
    if shared?(), do: Repo.query!("SELECT pg_advisory_xact_lock_shared($1)", [@shape])
    :ok
  end

  @doc """
  Whether transactions see others. A test in a sandbox is one transaction from beginning to end, and sees nobody else: it
  would only wait for others.
  """
  @spec shared?() :: boolean
  def shared?, do: :xavos |> Application.get_env(__MODULE__, []) |> Keyword.get(:shared?, true)

  @doc "The agent of this id as it is now, locked."
  def agent(id) do
    hold_shape()
    Ash.get(Agent, id, lock: :for_update, authorize?: false)
  end

  @doc "The item as it is now, locked after its holder."
  def work_item(%{agent_id: nil} = item) do
    hold_shape()
    unchanged_holder(item)
  end

  def work_item(%{agent_id: agent_id} = item) do
    with {:ok, _agent} <- agent(agent_id), do: unchanged_holder(item)
  end

  # Somebody else's since it was read: its new holder is not locked.
  defp unchanged_holder(%{agent_id: agent_id} = item) do
    case Ash.get(WorkItem, item.id, lock: :for_update, authorize?: false) do
      {:ok, %{agent_id: ^agent_id} = item} ->
        {:ok, item}

      {:ok, _another} ->
        {:error, StaleRecord.exception(resource: WorkItem, filter: %{id: item.id})}

      error ->
        error
    end
  end
end
