defmodule Xavos.Release.Lock do
  @moduledoc """
  An advisory lock of PostgreSQL that one migrator at a time holds, on a connection of its own.

  It is asked for again and again (`pg_try_advisory_lock`) and never waited for in the database: a statement that waits
  has a snapshot, and `CREATE INDEX CONCURRENTLY` of the one who holds the lock would wait for that snapshot. Between its
  questions the connection is idle and in no transaction, so nothing waits for it. The lock also covers migrations without
  Ecto's own lock. It goes with its connection: a migrator that is killed holds nothing.

  It needs a session of the database server. A pooler that gives each transaction another session cannot be between.
  """

  alias Xavos.Release.Failed

  # "XAVOS", as the number that its letters are.
  @key 0x5841564F53
  @pause_ms 200

  @enforce_keys [:connection, :session]
  defstruct [:connection, :session]

  @type t :: %__MODULE__{connection: pid, session: pos_integer}

  @doc "Gets the lock within so many seconds, or raises."
  @spec acquire!(module, non_neg_integer, (String.t() -> term)) :: t
  def acquire!(repo, seconds, say) do
    options = Keyword.merge(repo.config(), own_connection())
    {:ok, connection} = Postgrex.start_link(options)
    session = ask!(connection, "SELECT pg_backend_pid()", [])
    lock = %__MODULE__{connection: connection, session: session}
    until = System.monotonic_time(:millisecond) + seconds * 1_000
    try_until(lock, until, seconds, say, :first)
  end

  @doc "Raises where the lock was lost, with its connection."
  @spec require_held!(t) :: :ok
  def require_held!(lock) do
    if ask!(lock.connection, "SELECT pg_backend_pid()", []) == lock.session,
      do: :ok,
      else: raise(Failed, "the connection that held the lock was lost")
  end

  @doc "Lets the lock go; raises where it was lost meanwhile."
  @spec release!(t) :: :ok
  def release!(lock) do
    if ask!(lock.connection, "SELECT pg_advisory_unlock($1)", [@key]),
      do: :ok,
      else: raise(Failed, "the lock was lost before the end: another may have migrated meanwhile")
  end

  @doc "Ends the connection, and the lock with it."
  @spec close(t) :: :ok
  def close(lock), do: GenServer.stop(lock.connection)

  defp try_until(lock, until, seconds, say, turn) do
    cond do
      ask!(lock.connection, "SELECT pg_try_advisory_lock($1)", [@key]) ->
        lock

      System.monotonic_time(:millisecond) >= until ->
        close(lock)
        raise Failed, "another migration has held the lock for #{seconds} s"

      true ->
        if turn == :first, do: say.("waiting for another migration to end")
        Process.sleep(@pause_ms)
        try_until(lock, until, seconds, say, :again)
    end
  end

  defp own_connection do
    [
      name: nil,
      pool: DBConnection.ConnectionPool,
      pool_size: 1,
      backoff_type: :stop,
      parameters: [application_name: "xavos migrate lock"]
    ]
  end

  defp ask!(connection, sql, parameters) do
    case Postgrex.query(connection, sql, parameters) do
      {:ok, %{rows: [[answer]]}} -> answer
      {:error, error} -> raise Failed, "the database does not answer: " <> first_line(error)
    end
  end

  defp first_line(error),
    do: error |> Exception.message() |> String.split("\n", parts: 2) |> hd()
end
