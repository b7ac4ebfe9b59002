defmodule Xavos.Coordination.Snapshot do
  @moduledoc """
  Runs several queries in one snapshot of the database.

  Figures that stand side by side have to agree with each other; asked one after the other they need not.
  """

  alias Xavos.Coordination.Locks
  alias Xavos.Repo

  @doc """
  Calls the function in a transaction that only reads, and reads everything as it was when it began. Within a transaction
  that has begun already, that one decides what is seen.
  """
  @spec read((-> result)) :: result when result: term
  def read(function) do
    if Repo.in_transaction?() or not Locks.shared?(), do: function.(), else: begin(function)
  end

  defp begin(function) do
    {:ok, result} =
      Repo.transaction(fn ->
        Repo.query!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        function.()
      end)

    result
  end
end
