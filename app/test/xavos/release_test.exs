defmodule Xavos.ReleaseTest do
  # A database and a schema table of their own would need rights that a test has not: it locks and looks in the test's.
  use ExUnit.Case, async: false

  import ExUnit.CaptureIO

  alias Xavos.Release.{Failed, Indexes, Lock}

  @silent &__MODULE__.silent/1

  defmodule Repo do
    @moduledoc "The repository of the tests, with connections that no sandbox owns."
    def config, do: Xavos.Repo.config()

    def query!(sql, parameters, _options) do
      {:ok, connection} =
        config()
        |> Keyword.drop([:name, :pool])
        |> Keyword.put(:pool_size, 1)
        |> Postgrex.start_link()

      try do
        Postgrex.query!(connection, sql, parameters)
      after
        GenServer.stop(connection)
      end
    end
  end

  describe "the lock" do
    test "is held by one migrator, and the next gets it then" do
      first = Lock.acquire!(Repo, 5, @silent)

      assert_raise Failed, ~r/another migration has held the lock/, fn ->
        Lock.acquire!(Repo, 0, @silent)
      end

      waiting = Task.async(fn -> Repo |> Lock.acquire!(10, @silent) |> let_go() end)
      assert :ok = Lock.require_held!(first)
      let_go(first)
      assert :ok = Task.await(waiting, 10_000)
    end

    test "is waited for without a transaction, so that nothing waits for who waits" do
      first = Lock.acquire!(Repo, 5, @silent)
      test = self()

      waiting =
        Task.async(fn ->
          Repo |> Lock.acquire!(10, fn _ -> send(test, :waits) end) |> let_go()
        end)

      assert_receive :waits, 5_000

      assert [[0]] =
               Repo.query!(
                 """
                 SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
                 WHERE a.application_name = 'xavos migrate lock' AND (NOT l.granted OR a.backend_xmin IS NOT NULL)
                 """,
                 [],
                 []
               ).rows

      let_go(first)
      assert :ok = Task.await(waiting, 10_000)
    end

    test "goes with its connection, and whoever has lost it is told" do
      Process.flag(:trap_exit, true)
      lock = Lock.acquire!(Repo, 5, @silent)
      Repo.query!("SELECT pg_terminate_backend($1)", [lock.session], [])
      assert_raise Failed, fn -> Lock.require_held!(lock) end
      Repo |> Lock.acquire!(5, @silent) |> let_go()
    end
  end

  describe "indexes" do
    setup do
      table = "invalid_#{System.unique_integer([:positive])}"
      Repo.query!("CREATE TABLE #{table} (value integer)", [], [])
      Repo.query!("INSERT INTO #{table} VALUES (1), (1)", [], [])
      on_exit(fn -> Repo.query!("DROP TABLE #{table}", [], []) end)

      assert_raise Postgrex.Error, fn ->
        Repo.query!("CREATE UNIQUE INDEX CONCURRENTLY #{table}_value ON #{table} (value)", [], [])
      end

      {:ok, table: table}
    end

    test "that are invalid are named", %{table: table} do
      assert_raise Failed, ~r/invalid: index public\.#{table}_value/, fn ->
        Indexes.require_valid(Repo)
      end
    end

    test "are built again, where that can be", %{table: table} do
      Repo.query!("DELETE FROM #{table}", [], [])
      test = self()
      assert :ok = Indexes.heal(Repo, &send(test, {:told, &1}), 5)
      assert_receive {:told, told}
      assert told =~ "#{table}_value"
      assert :ok = Indexes.require_valid(Repo)
    end

    test "make way for the migration that makes them", %{table: table} do
      Repo.query!("DELETE FROM #{table}", [], [])
      create = "CREATE UNIQUE INDEX CONCURRENTLY #{table}_value ON #{table} (value)"
      error = assert_raise Postgrex.Error, fn -> Repo.query!(create, [], []) end
      assert "public.#{table}_value" == Indexes.give_way(Repo, error)
      assert %Postgrex.Result{} = Repo.query!(create, [], [])
    end

    test "of constraints, and tables, never make way", %{table: table} do
      Repo.query!("DELETE FROM #{table}", [], [])

      Repo.query!(
        "ALTER TABLE #{table} ADD COLUMN key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        [],
        []
      )

      for create <- ["CREATE INDEX #{table}_pkey ON #{table} (value)", "CREATE TABLE #{table} ()"] do
        error = assert_raise Postgrex.Error, fn -> Repo.query!(create, [], []) end
        assert nil == Indexes.give_way(Repo, error)
      end
    end

    test "that cannot be built stay named", %{table: table} do
      assert_raise Postgrex.Error, fn -> Indexes.heal(Repo, @silent, 5) end
      assert Enum.any?(Indexes.invalid(Repo), fn {index, _} -> index =~ table end)
    end
  end

  describe "commands" do
    test "that there are not end with 2, and how it is used" do
      assert capture_io(:stderr, fn -> assert 2 == Xavos.Release.run(["up"]) end) =~
               "usage: migrate"
    end

    test "with words that are wrong end with 1, and say so" do
      told =
        capture_io(:stderr, fn -> assert 1 == Xavos.Release.run(["rollback", "yesterday"]) end)

      assert told =~ "VERSION=yesterday is not a number"
    end
  end

  def silent(_line), do: :ok

  defp let_go(lock) do
    Lock.release!(lock)
    Lock.close(lock)
  end
end
