defmodule Xavos.RealDatabase do
  @moduledoc """
  For tests of what many do at once: real connections, of which each process takes its own, and transactions that are
  committed and seen by all. What they leave is cleared away, so these tests are never `async`.
  """
  use ExUnit.CaseTemplate

  alias Xavos.Coordination.Locks
  alias Xavos.Repo

  @clear [
    "ALTER TABLE coordination_events DISABLE TRIGGER coordination_events_append_only",
    "TRUNCATE teams, agents, work_items, work_item_dependencies, coordination_events CASCADE",
    "ALTER TABLE coordination_events ENABLE TRIGGER coordination_events_append_only"
  ]

  using do
    quote do
      import Xavos.RealDatabase, only: [at_once: 2, with_database: 1]
    end
  end

  setup tags do
    repo = start_supervised!({Repo, settings(tags[:connections] || 16)})
    Repo.put_dynamic_repo(repo)
    clear()

    sandboxed = Application.fetch_env!(:xavos, Locks)
    Application.put_env(:xavos, Locks, shared?: true)

    on_exit(fn ->
      Application.put_env(:xavos, Locks, sandboxed)
      {:ok, repo} = Repo.start_link(settings(1))
      Repo.put_dynamic_repo(repo)
      clear()
      Supervisor.stop(repo)
    end)

    {:ok, repo: repo}
  end

  @doc "Calls the function with each value, all at once, each in a process of its own; gives what they give."
  def at_once(values, function) do
    repo = Repo.get_dynamic_repo()

    values
    |> Enum.map(fn value ->
      Task.async(fn ->
        Repo.put_dynamic_repo(repo)
        function.(value)
      end)
    end)
    |> Task.await_many(:infinity)
  end

  @doc "The function, for a process that is started by hand."
  def with_database(function) do
    repo = Repo.get_dynamic_repo()

    fn ->
      Repo.put_dynamic_repo(repo)
      function.()
    end
  end

  defp settings(connections) do
    [
      name: nil,
      pool: DBConnection.ConnectionPool,
      pool_size: connections,
      # To wait for a connection is no failure here.
      queue_target: 60_000,
      queue_interval: 60_000,
      log: false
    ]
  end

  defp clear do
    {:ok, _cleared} =
      Repo.transaction(fn -> for statement <- @clear, do: Repo.query!(statement) end)
  end
end
