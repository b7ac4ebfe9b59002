defmodule Xavos.Benchmark.Database do
  @moduledoc """
  The database of a benchmark. It is dropped however the benchmark ends.

  What a VM has to do at its end is not done where it is killed. So a shell stands by, with `psql`, which reads from the VM:
  told that all is well it goes away; where the VM is gone without a word, it drops the database. It is in a session of its
  own, so that what is sent to a terminal or to a group of processes does not end it. Where there is no `psql`, the next
  benchmark removes what this one has left.
  """

  alias Ecto.Adapters.Postgres

  @type guard :: port | nil

  # Its name is between double quotes by then.
  @script """
  trap '' INT TERM HUP
  read -r word && [ "$word" = well ] && exit 0
  exec psql --no-psqlrc --quiet --dbname "$MAINTENANCE" --command "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)"
  """

  @doc "Makes it anew. What a benchmark has left that was killed goes; one that is at work is not disturbed."
  @spec make(keyword) :: {:ok, guard} | {:error, String.t()}
  def make(settings) do
    case Postgres.storage_up(settings) do
      :ok ->
        {:ok, guard(settings)}

      {:error, :already_up} ->
        if used?(settings) do
          {:error, "another benchmark is at work in it"}
        else
          drop(settings)
          make(settings)
        end

      {:error, reason} ->
        {:error, inspect(reason)}
    end
  end

  @doc "Drops it, whoever is connected."
  @spec drop(keyword) :: :ok | {:error, term}
  def drop(settings), do: Postgres.storage_down(Keyword.put(settings, :force_drop, true))

  @doc "There is nothing left to be dropped."
  @spec release(guard) :: :ok
  def release(nil), do: :ok

  def release(guard) do
    Port.command(guard, "well\n")
    Port.close(guard)
    :ok
  end

  defp used?(settings) do
    {:ok, connection} =
      settings
      |> Keyword.take([:hostname, :socket_dir, :port, :username, :password, :ssl])
      |> Keyword.merge(database: maintenance(settings), pool_size: 1, backoff_type: :stop)
      |> Postgrex.start_link()

    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
    %{rows: [[count]]} = Postgrex.query!(connection, asked, [settings[:database]])
    GenServer.stop(connection)
    count > 0
  end

  defp maintenance(settings), do: settings[:maintenance_database] || "postgres"

  defp guard(settings) do
    if System.find_executable("psql"), do: stand_by(settings)
  end

  defp stand_by(settings) do
    {program, arguments} = own_session(["-c", @script])

    Port.open({:spawn_executable, program}, [
      :binary,
      :hide,
      args: arguments,
      env: for({name, value} <- environment(settings), do: {~c"#{name}", ~c"#{value}"})
    ])
  end

  defp own_session(arguments) do
    shell = System.find_executable("sh")

    case System.find_executable("setsid") do
      nil -> {shell, arguments}
      setsid -> {setsid, [shell | arguments]}
    end
  end

  defp environment(settings) do
    %{
      "DATABASE" => ~s("#{String.replace(settings[:database], ~s("), ~s(""))}"),
      "MAINTENANCE" => maintenance(settings),
      "PGHOST" => settings[:socket_dir] || settings[:hostname] || "localhost",
      "PGPORT" => settings[:port] || 5432,
      "PGUSER" => settings[:username],
      "PGPASSWORD" => settings[:password] || ""
    }
  end
end
