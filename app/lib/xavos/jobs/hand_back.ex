defmodule Xavos.Jobs.HandBack do
  @moduledoc """
  Gives jobs back that were cut off when their server ended: they can run again at once, and the attempt does not count.
  Jobs of a server that was killed wait for Oban's Lifeline.

  It is started before Oban, so it is ended after Oban, when none of this instance's jobs runs any more.
  """
  use GenServer

  require Logger

  @give_back """
  UPDATE oban_jobs
  SET state = 'available', attempt = greatest(attempt - 1, 0), attempted_by = NULL, attempted_at = NULL
  WHERE state = 'executing' AND attempted_by[1] = $1
  """

  def start_link(instance), do: GenServer.start_link(__MODULE__, instance)

  @impl true
  def init(instance) do
    Process.flag(:trap_exit, true)
    {:ok, instance}
  end

  @impl true
  def terminate(_reason, instance) do
    if Xavos.Jobs.server?(), do: give_back(instance)
  end

  @doc "Makes the executing jobs of an instance available again; gives how many they are."
  @spec give_back(String.t()) :: non_neg_integer
  def give_back(instance) do
    case Xavos.Repo.query(@give_back, [instance], log: false, timeout: 3_000) do
      {:ok, %{num_rows: 0}} ->
        0

      {:ok, %{num_rows: count}} ->
        Logger.notice("#{count} jobs were cut off and given back.")
        count

      {:error, error} ->
        Logger.warning("Jobs were not given back: #{Exception.message(error)}")
        0
    end
  catch
    # A test's sandbox, or a database that is away.
    :exit, _reason -> 0
  end
end
