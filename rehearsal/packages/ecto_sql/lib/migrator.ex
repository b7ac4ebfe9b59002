defmodule Ecto.Migrator do
  @moduledoc "Rehearsal stand-in: runs the migrations of a folder up and down."

  require Logger
  alias Ecto.Migration.Runner

  def with_repo(repo, fun, opts \\ []) do
    config = repo.config()
    {:ok, _} = Application.ensure_all_started([:ecto_sql, :logger])

    case repo.start_link(Keyword.merge([pool_size: 2], opts)) do
      {:ok, _} ->
        try do
          {:ok, fun.(repo), []}
        after
          repo.stop()
        end

      {:error, {:already_started, _}} ->
        {:ok, fun.(repo), []}

      {:error, reason} ->
        _ = config
        {:error, reason}
    end
  end

  def migrations_path(repo, directory \\ "migrations") do
    config = repo.config()
    priv = config[:priv] || "priv/#{repo |> Module.split() |> List.last() |> Macro.underscore()}"
    # As in Ecto: below the application, which in a release is not the current folder.
    Application.app_dir(config[:otp_app], Path.join(priv, directory))
  end

  def migrations(repo, paths \\ nil) do
    create_table(repo)
    done = versions(repo)
    files = files(List.wrap(paths || migrations_path(repo)))
    known = for {version, name, _} <- files, do: {if(version in done, do: :up, else: :down), version, name}
    lost = for version <- done, not List.keymember?(files, version, 0), do: {:up, version, "** FILE NOT FOUND **"}
    Enum.sort_by(known ++ lost, &elem(&1, 1))
  end

  def run(repo, direction, opts), do: run(repo, migrations_path(repo), direction, opts)

  @doc "Runs what `opts` choose (`:all`, `:step`, `:to`) and returns the versions that ran."
  def run(repo, paths, direction, opts) do
    create_table(repo)
    done = versions(repo)
    files = files(List.wrap(paths))

    chosen =
      case direction do
        :up -> files |> Enum.reject(&(elem(&1, 0) in done)) |> take(opts, &<=/2)
        :down -> files |> Enum.filter(&(elem(&1, 0) in done)) |> Enum.reverse() |> take(opts, &>=/2)
      end

    if chosen == [] and opts[:log] != false, do: Logger.info("Migrations already #{direction}")
    for {version, _, file} <- chosen, do: one(repo, version, file, direction, opts)
  end

  def up(repo, version, module, _opts \\ []), do: apply_one(repo, version, module, :up)
  def down(repo, version, module, _opts \\ []), do: apply_one(repo, version, module, :down)

  defp take(files, opts, compare) do
    cond do
      opts[:to] -> Enum.filter(files, &compare.(elem(&1, 0), opts[:to]))
      opts[:step] -> Enum.take(files, opts[:step])
      true -> files
    end
  end

  defp one(repo, version, file, direction, _opts) do
    modules = for {module, _} <- Code.compile_file(file), function_exported?(module, :__migration__, 0), do: module

    case modules do
      [module] -> apply_one(repo, version, module, direction)
      _ -> raise Ecto.MigrationError, message: "file #{Path.relative_to_cwd(file)} does not define an Ecto.Migration"
    end
  end

  defp apply_one(repo, version, module, direction) do
    operation = if function_exported?(module, direction, 0), do: direction, else: :change
    way = if direction == :up or operation != :change, do: "forward", else: "backward"
    Logger.info("== Running #{version} #{inspect(module)}.#{operation}/0 #{way}")
    start = System.monotonic_time(:millisecond)

    work = fn ->
      Runner.run(repo, module, direction, operation)
      note(repo, version, direction)
    end

    if module.__migration__()[:disable_ddl_transaction], do: work.(), else: {:ok, _} = repo.transaction(work)
    Logger.info("== Migrated #{version} in #{Float.round((System.monotonic_time(:millisecond) - start) / 1000, 1)}s")
    version
  end

  defp note(repo, version, :up) do
    sql = "INSERT INTO schema_migrations (version, inserted_at) VALUES ($1, now() AT TIME ZONE 'utc')"
    repo.query!(sql, [version], log: false)
  end

  defp note(repo, version, :down),
    do: repo.query!("DELETE FROM schema_migrations WHERE version = $1", [version], log: false)

  defp create_table(repo) do
    sql =
      "CREATE TABLE IF NOT EXISTS \"schema_migrations\" " <>
        "(\"version\" bigint, \"inserted_at\" timestamp(0), PRIMARY KEY (\"version\"))"

    case repo.query(sql, [], log: false) do
      {:ok, _} ->
        :ok

      {:error, error} ->
        Logger.error("""
        Could not create schema migrations table. This error usually happens due to the following:

          * The database does not exist
          * The "schema_migrations" table, which Ecto uses for managing
            migrations, was defined by another library
          * There is a deadlock while migrating (such as using concurrent
            indexes with a migration_lock)
        """)

        raise error
    end
  end

  defp versions(repo) do
    for [version] <- repo.query!("SELECT version FROM schema_migrations ORDER BY version", [], log: false).rows,
        do: version
  end

  defp files(paths) do
    for path <- paths, file <- Path.wildcard(Path.join([path, "**", "*.exs"])), match?({_, "_" <> _}, named(file)) do
      {version, "_" <> name} = named(file)
      {version, name, file}
    end
    |> Enum.sort()
  end

  defp named(file), do: file |> Path.basename(".exs") |> Integer.parse()
end
