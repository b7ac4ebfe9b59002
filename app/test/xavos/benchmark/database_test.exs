defmodule Xavos.Benchmark.DatabaseTest do
  # Databases of its own, beside the one of the tests.
  use ExUnit.Case, async: false

  alias Xavos.Benchmark.Database

  setup do
    settings = Keyword.delete(Xavos.Repo.config(), :url)
    name = "#{settings[:database]}_benchmark_#{System.unique_integer([:positive])}"
    settings = settings |> Keyword.merge(database: name) |> Keyword.delete(:pool)
    on_exit(fn -> Database.drop(settings) end)

    case Database.make(settings) do
      {:ok, guard} ->
        %{settings: settings, guard: guard}

      # A role that may not create databases measures nothing, and leaves nothing.
      {:error, reason} ->
        assert reason =~ "permission denied"
        %{settings: settings, guard: :refused}
    end
  end

  test "it goes away with the VM that has made it", %{settings: settings, guard: guard} do
    # What its end is to whoever stands by: nobody writes any more.
    if guard != :refused do
      assert guard, "there is no psql that could stand by"
      Port.close(guard)
      assert soon(fn -> not there?(settings) end)
    end
  end

  test "whoever stands by goes away without a deed where all is well", %{
    settings: settings,
    guard: guard
  } do
    if guard != :refused do
      {:os_pid, pid} = Port.info(guard, :os_pid)
      Database.release(guard)
      assert soon(fn -> not File.dir?("/proc/#{pid}") end)
      assert there?(settings)
    end
  end

  test "what a killed one has left is made anew, and one at work is not disturbed", %{
    settings: settings,
    guard: guard
  } do
    if guard != :refused do
      {:ok, at_work} = settings |> connection() |> Postgrex.start_link()
      Postgrex.query!(at_work, "CREATE TABLE left_behind ()", [])
      assert {:error, "another benchmark is at work in it"} = Database.make(settings)
      GenServer.stop(at_work)

      assert soon(fn -> match?({:ok, _guard}, Database.make(settings)) end)
      {:ok, connection} = settings |> connection() |> Postgrex.start_link()

      assert %{rows: [[nil]]} =
               Postgrex.query!(connection, "SELECT to_regclass('left_behind')::text", [])

      GenServer.stop(connection)
    end
  end

  defp there?(settings) do
    asked = "SELECT count(*) FROM pg_database WHERE datname = $1"
    %{rows: [[count]]} = other(asked, [settings[:database]])
    count == 1
  end

  defp other(asked, values) do
    {:ok, connection} =
      Xavos.Repo.config() |> Keyword.delete(:url) |> connection() |> Postgrex.start_link()

    result = Postgrex.query!(connection, asked, values)
    GenServer.stop(connection)
    result
  end

  defp connection(settings) do
    settings
    |> Keyword.take([:hostname, :port, :username, :password, :database])
    |> Keyword.put(:pool_size, 1)
  end

  defp soon(condition, tries \\ 200) do
    cond do
      condition.() -> true
      tries == 0 -> false
      true -> Process.sleep(50) && soon(condition, tries - 1)
    end
  end
end
