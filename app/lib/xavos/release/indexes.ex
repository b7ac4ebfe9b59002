defmodule Xavos.Release.Indexes do
  @moduledoc """
  Finds indexes that PostgreSQL does not use, because `CREATE INDEX CONCURRENTLY` did not end: a migrator was killed, a
  value was there twice. `create_if_not_exists` takes such an index for a good one.

  `heal/3` builds them again before anything migrates, also while another session may still be building one that nobody
  waits for any more. A migration that makes such an index itself, because it was interrupted and has not run, finds it
  there: then `give_way/2` removes it. `require_valid/1` is the check after.
  """

  alias Xavos.Release.Failed

  @pause_ms 200

  # Of a partitioned table an index is invalid until all partitions have theirs: that is for whoever attaches them.
  @invalid """
  SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', tn.nspname, t.relname)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
  WHERE NOT i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  ORDER BY 1
  """

  # Not those of constraints, which would go with them.
  @named """
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i' AND c.relname = $1
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY (current_schemas(false))
  WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
  """

  @building "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()"

  @doc "Builds every invalid index again, and says which. Waits so many seconds for one that is being built."
  @spec heal(module, (String.t() -> term), non_neg_integer) :: :ok
  def heal(repo, say, seconds) do
    await_building(repo, deadline(seconds), seconds)

    for {index, table} <- invalid(repo) do
      say.("index #{index} of #{table} is invalid: it is built again")
      repo.query!("REINDEX INDEX CONCURRENTLY #{index}", [], timeout: :infinity, log: false)
    end

    :ok
  end

  @doc """
  Removes the index that a migration could not make because it is there, and gives its name; nil for any other error. It is
  for migrations without a transaction: one that was interrupted has left what it had done.
  """
  @spec give_way(module, Exception.t()) :: String.t() | nil
  def give_way(repo, %Postgrex.Error{postgres: %{code: :duplicate_table, message: message}}) do
    with [_, name] <- Regex.run(~r/"(.+)"/, message),
         %{rows: [[index]]} <- repo.query!(@named, [name], log: false) do
      repo.query!("DROP INDEX CONCURRENTLY #{index}", [], timeout: :infinity, log: false)
      index
    else
      _ -> nil
    end
  end

  def give_way(_repo, _error), do: nil

  @doc "Raises with the names of all indexes that are invalid."
  @spec require_valid(module) :: :ok
  def require_valid(repo) do
    case invalid(repo) do
      [] ->
        :ok

      found ->
        raise Failed,
              "invalid: " <> Enum.map_join(found, ", ", fn {index, _} -> "index #{index}" end)
    end
  end

  @doc "The invalid indexes with their tables."
  @spec invalid(module) :: [{index :: String.t(), table :: String.t()}]
  def invalid(repo) do
    for [index, table] <- repo.query!(@invalid, [], log: false).rows, do: {index, table}
  end

  defp await_building(repo, until, seconds) do
    cond do
      repo.query!(@building, [], log: false).rows == [[0]] ->
        :ok

      System.monotonic_time(:millisecond) >= until ->
        raise Failed, "another session has been building an index for #{seconds} s"

      true ->
        Process.sleep(@pause_ms)
        await_building(repo, until, seconds)
    end
  end

  defp deadline(seconds), do: System.monotonic_time(:millisecond) + seconds * 1_000
end
