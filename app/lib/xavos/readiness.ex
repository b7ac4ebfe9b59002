defmodule Xavos.Readiness do
  @moduledoc """
  Checks that XAVOS is ready: the database answers, and every migration has run.

  It asks with plain SQL, so that it needs nothing that a migration would have to make first.
  """

  # Milliseconds. A database that is away is answered before a load balancer gives up.
  @patience 2_000

  @type result ::
          :ready
          | {:migrations_pending, [String.t()]}
          | {:database_unreachable, String.t()}

  @doc "Asks the database of `repo`; `migrations` is the folder of its migrations."
  @spec check(module, Path.t()) :: result
  def check(repo \\ Xavos.Repo, migrations \\ migrations_path()) do
    task = Task.Supervisor.async_nolink(Xavos.TaskSupervisor, fn -> applied_versions(repo) end)

    case Task.yield(task, @patience) || Task.shutdown(task, :brutal_kill) do
      {:ok, {:ok, applied}} -> compare(migrations, applied)
      {:ok, {:error, reason}} -> {:database_unreachable, reason}
      {:exit, reason} -> {:database_unreachable, first_line(inspect(reason))}
      nil -> {:database_unreachable, "no answer within #{@patience} ms"}
    end
  end

  defp applied_versions(repo) do
    options = [timeout: @patience, log: false]

    with {:ok, %{rows: [[table]]}} <-
           repo.query("SELECT to_regclass('schema_migrations')::text", [], options) do
      versions_in(table, repo, options)
    end
    |> case do
      {:ok, versions} -> {:ok, versions}
      {:error, error} -> {:error, first_line(Exception.message(error))}
    end
  end

  defp versions_in(nil, _repo, _options), do: {:ok, MapSet.new()}

  defp versions_in(_table, repo, options) do
    with {:ok, %{rows: rows}} <-
           repo.query("SELECT version FROM schema_migrations", [], options) do
      {:ok, MapSet.new(rows, fn [version] -> version end)}
    end
  end

  defp compare(migrations, applied) do
    pending =
      for file <- Path.wildcard(Path.join(migrations, "**/*_*.exs")),
          {version, "_" <> _} <- [file |> Path.basename(".exs") |> Integer.parse()],
          version not in applied,
          do: Path.basename(file, ".exs")

    if pending == [], do: :ready, else: {:migrations_pending, Enum.sort(pending)}
  end

  defp migrations_path, do: Application.app_dir(:xavos, "priv/repo/migrations")

  defp first_line(text), do: text |> String.split("\n", parts: 2) |> hd()
end
