defmodule Xavos.Release do
  @moduledoc """
  The commands of a release, which has no Mix. `bin/migrate` runs them:

      bin/migrate                       run all migrations
      bin/migrate rollback VERSION      undo every migration later than VERSION
      bin/migrate status                list the migrations, and whether they have run

  They print a line for each migration and end with exit code 0, or with a sentence on standard error and 1.

  Only one of them works at a time (`Xavos.Release.Lock`), however many deployments start at once. Each waits for
  `MIGRATE_WAIT_SECONDS` (300) for its turn. A statement waits for a lock of a table for `MIGRATE_LOCK_SECONDS` (1), because
  all requests for that table queue up behind it; a migration that has given up is tried again, up to five times. Nothing
  queues up behind a migration without a transaction, which makes an index concurrently: it may wait as long as for its turn.
  """

  alias Xavos.Release.{Indexes, Lock}
  alias Xavos.Settings.{Value, Variable}

  @repo Xavos.Repo
  @attempts 5

  @variables [
    Variable.new(
      :wait,
      "MIGRATE_WAIT_SECONDS",
      {:integer, 0..86_400},
      "for other migrations to end",
      default: 300
    ),
    Variable.new(:lock, "MIGRATE_LOCK_SECONDS", {:integer, 1..3600}, "for locks of tables",
      default: 1
    )
  ]

  defmodule Failed do
    @moduledoc "What a command could not do, in a sentence."
    defexception [:message]
  end

  @doc "Runs a command of `bin/migrate` and ends the VM with its exit code."
  @spec main([String.t()]) :: no_return
  def main(arguments) do
    System.halt(run(arguments))
  end

  @doc "Runs a command; gives its exit code."
  @spec run([String.t()]) :: 0 | 1 | 2
  def run(arguments) do
    case arguments do
      [] -> reported(&migrate/0)
      ["status"] -> reported(&status/0)
      ["rollback", text] -> reported(fn -> text |> version() |> rollback() end)
      _ -> fail("usage: migrate [rollback VERSION | status]", 2)
    end
  end

  @doc "Runs all migrations that have not run."
  @spec migrate() :: :ok
  def migrate do
    alone(fn settings, lock ->
      connected(settings.wait, fn -> Indexes.heal(@repo, &say/1, settings.wait) end)
      applied = up_one_by_one(settings, lock, [])
      connected(settings.wait, fn -> Indexes.require_valid(@repo) end)
      say("#{length(applied)} migrations applied; the schema is at #{newest(migrations())}")
    end)
  end

  @doc "Undoes every migration later than `version`, the latest first."
  @spec rollback(non_neg_integer) :: :ok
  def rollback(version) do
    alone(fn settings, lock ->
      known = for {_state, known, _name} <- migrations(), do: known

      unless version in [0 | known],
        do: raise(Failed, "#{version} is no migration of this release")

      undone = down_one_by_one(version, settings, lock, [])
      say("#{length(undone)} migrations undone; the schema is at #{newest(migrations())}")
    end)
  end

  @doc "Prints a line for each migration: `up` or `down`, version and name."
  @spec status() :: :ok
  def status do
    start_libraries()
    for {state, version, name} <- migrations(), do: say("#{state}\t#{version}\t#{name}")
    :ok
  end

  defp alone(work) do
    settings = settings()
    start_libraries()
    lock = Lock.acquire!(@repo, settings.wait, &say/1)

    try do
      work.(settings, lock)
      Lock.release!(lock)
    after
      Lock.close(lock)
    end
  end

  # One at a time: each is told, and none begins without the lock.
  defp up_one_by_one(settings, lock, done) do
    migrations = migrations()

    case Enum.find(migrations, &match?({:down, _, _}, &1)) do
      nil ->
        Enum.reverse(done)

      {:down, version, name} ->
        if version < newest(migrations), do: say("#{version} is older than what has run already")
        one(:up, version, settings, lock)
        say("applied\t#{version}\t#{name}")
        up_one_by_one(settings, lock, [version | done])
    end
  end

  defp down_one_by_one(target, settings, lock, done) do
    later = Enum.filter(migrations(), &match?({:up, version, _} when version > target, &1))

    case List.last(later) do
      nil ->
        Enum.reverse(done)

      {:up, version, name} ->
        one(:down, version, settings, lock)
        say("undone\t#{version}\t#{name}")
        down_one_by_one(target, settings, lock, [version | done])
    end
  end

  defp one(direction, version, settings, lock, attempt \\ 1) do
    Lock.require_held!(lock)
    patience = if without_transaction?(version), do: settings.wait, else: settings.lock

    # Of what has run, `to` chooses this one and later ones; of what has not, this one and earlier ones: it is the only.
    connected(patience, fn ->
      [^version] = Ecto.Migrator.run(@repo, folder(), direction, to: version, log: false)
    end)
  rescue
    error in Postgrex.Error ->
      case obstacle(error, version, settings, attempt) do
        :removed -> one(direction, version, settings, lock, attempt + 1)
        nil -> reraise error, __STACKTRACE__
      end
  end

  defp obstacle(_error, _version, _settings, @attempts), do: nil

  defp obstacle(%{postgres: %{code: :lock_not_available}}, version, settings, attempt) do
    say("#{version} has waited for a lock for too long; attempt #{attempt + 1}")
    Process.sleep(attempt * 1_000)
    connected(settings.wait, fn -> Indexes.heal(@repo, &say/1, settings.wait) end)
    :removed
  end

  # What a transaction would have taken back is there after an interruption.
  defp obstacle(error, version, settings, _attempt) do
    with true <- without_transaction?(version),
         index when index != nil <-
           connected(settings.wait, fn -> Indexes.give_way(@repo, error) end) do
      say("index #{index} is there from an interrupted migration: it is made again")
      :removed
    else
      _ -> nil
    end
  end

  # sobelow_skip ["Traversal.FileModule"]
  defp without_transaction?(version) do
    [file] = Path.wildcard(Path.join(folder(), "#{version}_*.exs"))
    File.read!(file) =~ ~r/^\s*@disable_ddl_transaction true/m
  end

  defp migrations,
    do: connected(60, fn -> Ecto.Migrator.migrations(@repo, [folder()]) end)

  defp newest(migrations),
    do: Enum.max(for({:up, version, _name} <- migrations, do: version), fn -> 0 end)

  defp folder, do: Application.app_dir(:xavos, "priv/repo/migrations")

  # Without the application: its jobs and its server are not for whoever migrates.
  defp start_libraries do
    Application.load(:xavos)
    # A migration that is tried again is compiled again.
    Code.put_compiler_option(:ignore_module_conflict, true)
    {:ok, _started} = Application.ensure_all_started([:ssl, :postgrex, :ecto_sql])
  end

  # Connections whose statements wait for a lock for so many seconds.
  defp connected(seconds, work) do
    parameters = [application_name: "xavos migrate", lock_timeout: "#{seconds * 1_000}"]
    {:ok, pid} = @repo.start_link(pool_size: 2, parameters: parameters)

    try do
      work.()
    after
      Supervisor.stop(pid)
    end
  end

  defp settings do
    env = System.get_env()

    Map.new(@variables, fn variable ->
      case Variable.read(variable, env, false) do
        {:ok, value} -> {variable.key, value}
        {:error, sentence} -> raise(Failed, sentence)
      end
    end)
  end

  defp version(text) do
    case Value.parse({:integer_from, 0}, text) do
      {:ok, version} -> version
      {:error, problem} -> raise(Failed, "VERSION=#{text} #{problem}")
    end
  end

  defp reported(command) do
    command.()
    0
  rescue
    error -> fail(error |> Exception.message() |> String.trim())
  catch
    :exit, reason -> fail("the database is away: " <> Exception.format_exit(reason))
  end

  defp fail(sentence, code \\ 1) do
    IO.puts(:stderr, "XAVOS has not migrated: " <> sentence)
    code
  end

  defp say(line), do: IO.puts(line)
end
