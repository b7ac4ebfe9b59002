defmodule Ecto.Adapters.SQL do
  @moduledoc "Rehearsal stand-in: statements and transactions of a repository."

  require Logger
  alias Ecto.Adapters.SQL.Pool
  alias Postgrex.Connection

  def query(repo, sql, params \\ [], opts \\ []) do
    sql = IO.iodata_to_binary(sql)

    case Process.get({repo, :transaction}) do
      {conn, _} -> run(conn, sql, params, opts)
      nil -> with_session(repo, &run_alone(&1, &2, sql, params, opts))
    end
  end

  def query!(repo, sql, params \\ [], opts \\ []) do
    case query(repo, sql, params, opts) do
      {:ok, result} -> result
      {:error, error} -> raise error
    end
  end

  def in_transaction?(repo), do: Process.get({repo, :transaction}) != nil

  def transaction(repo, fun, _opts \\ []) do
    if in_transaction?(repo) do
      {:ok, call(fun, repo)}
    else
      case with_session(repo, &in_transaction(repo, &1, &2, fun)) do
        {:error, %DBConnection.ConnectionError{} = error} -> raise error
        {:error, %DBConnection.OwnershipError{} = error} -> raise error
        outcome -> outcome
      end
    end
  end

  def transact(repo, fun, opts) do
    with {:ok, outcome} <-
           transaction(
             repo,
             fn ->
               case call(fun, repo) do
                 {:ok, value} -> value
                 {:error, reason} -> repo.rollback(reason)
               end
             end,
             opts
           ),
         do: {:ok, outcome}
  end

  defp call(fun, repo), do: if(is_function(fun, 1), do: fun.(repo), else: fun.())

  defp with_session(repo, fun) do
    case Pool.checkout(repo) do
      {:ok, conn, kind} ->
        try do
          fun.(conn, kind)
        after
          if kind == :plain, do: Pool.checkin(repo, conn)
        end

      error ->
        error
    end
  end

  defp in_transaction(repo, conn, kind, fun) do
    {first, last, undo} =
      if kind == :owned,
        do:
          {"SAVEPOINT inner_transaction", "RELEASE SAVEPOINT inner_transaction",
           "ROLLBACK TO SAVEPOINT inner_transaction"},
        else: {"BEGIN", "COMMIT", "ROLLBACK"}

    {:ok, _} = Connection.query(conn, first, [])
    Process.put({repo, :transaction}, {conn, kind})

    try do
      value = call(fun, repo)
      {:ok, _} = Connection.query(conn, last, [])
      {:ok, value}
    catch
      :throw, {:rollback, ^repo, value} ->
        Connection.query(conn, undo, [])
        {:error, value}

      kind, reason ->
        Connection.query(conn, undo, [])
        :erlang.raise(kind, reason, __STACKTRACE__)
    after
      Process.delete({repo, :transaction})
    end
  end

  defp run_alone(conn, :plain, sql, params, opts), do: run(conn, sql, params, opts)

  defp run_alone(conn, :owned, sql, params, opts) do
    {:ok, _} = Connection.query(conn, "SAVEPOINT one_statement", [])
    outcome = run(conn, sql, params, opts)
    verb = if match?({:ok, _}, outcome), do: "RELEASE", else: "ROLLBACK TO"
    Connection.query(conn, verb <> " SAVEPOINT one_statement", [])
    outcome
  end

  defp run(conn, sql, params, opts) do
    start = System.monotonic_time()
    outcome = Connection.query(conn, sql, params)
    took = System.convert_time_unit(System.monotonic_time() - start, :native, :microsecond) / 1000

    if Keyword.get(opts, :log, true) do
      told = if match?({:ok, _}, outcome), do: "OK", else: "ERROR"
      Logger.debug("QUERY #{told} db=#{Float.round(took, 1)}ms\n#{sql} #{inspect(params)}")
    end

    outcome
  end
end

defmodule Ecto.Adapters.Postgres do
  @moduledoc false

  alias Ecto.Adapters.SQL

  defdelegate query(repo, sql, params, opts), to: SQL
  defdelegate transaction(repo, fun, opts), to: SQL
  defdelegate transact(repo, fun, opts), to: SQL
  defdelegate in_transaction?(repo), to: SQL

  def start_pool(repo, config) do
    {:ok, _} = Application.ensure_all_started(:postgrex)
    SQL.Pool.start_link(repo, config)
  end

  def storage_up(opts) do
    encoding = opts[:encoding] || "UTF8"
    owner = if opts[:template], do: " TEMPLATE #{opts[:template]}", else: ""

    answer(
      admin(opts, "CREATE DATABASE \"#{opts[:database]}\" ENCODING '#{encoding}'" <> owner),
      :duplicate_database,
      :already_up
    )
  end

  def storage_down(opts) do
    force = if opts[:force_drop], do: " WITH (FORCE)", else: ""
    answer(admin(opts, "DROP DATABASE \"#{opts[:database]}\"" <> force), :invalid_catalog_name, :already_down)
  end

  def storage_status(opts) do
    case admin(opts, "SELECT true FROM pg_catalog.pg_database WHERE datname = '#{opts[:database]}'") do
      {:ok, %{num_rows: 1}} -> :up
      {:ok, _} -> :down
      {:error, error} -> {:error, error}
    end
  end

  defp answer({:ok, _}, _, _), do: :ok
  defp answer({:error, %Postgrex.Error{postgres: %{code: code}}}, code, known), do: {:error, known}

  defp answer({:error, %Postgrex.Error{postgres: %{severity: "ERROR"}} = error}, _, _),
    do: {:error, Exception.message(error)}

  defp answer({:error, _}, _, _), do: {:error, "killed"}

  defp admin(opts, sql) do
    {:ok, _} = Application.ensure_all_started(:postgrex)
    {:ok, conn} = Postgrex.start_link(Keyword.put(opts, :database, opts[:maintenance_database] || "postgres"))
    outcome = Postgrex.query(conn, sql)
    Postgrex.Connection.close(conn)
    outcome
  end
end
