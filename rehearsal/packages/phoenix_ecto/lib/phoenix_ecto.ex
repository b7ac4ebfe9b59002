defmodule Phoenix.Ecto.StorageNotCreatedError do
  defexception [:repo, plug_status: 503]

  @impl true
  def message(%{repo: repo}) do
    "the storage is not created for repo: #{inspect(repo)}. " <>
      "Try running `mix ecto.create` in the command line to create it"
  end
end

defmodule Phoenix.Ecto.PendingMigrationError do
  defexception [:repo, plug_status: 503]

  @impl true
  def message(%{repo: repo}) do
    "there are pending migrations for repo: #{inspect(repo)}. " <>
      "Try running `mix ecto.migrate` in the command line to migrate it"
  end
end

defmodule Phoenix.Ecto.CheckRepoStatus do
  @moduledoc "Rehearsal stand-in: checks in development for pending migrations."
  @behaviour Plug

  @impl true
  def init(opts), do: opts

  @impl true
  def call(conn, opts) do
    for repo <- Application.get_env(opts[:otp_app], :ecto_repos, []), Process.whereis(repo), do: check(repo)
    conn
  end

  defp check(repo) do
    try do
      if Enum.any?(Ecto.Migrator.migrations(repo), &match?({:down, _, _}, &1)) do
        raise Phoenix.Ecto.PendingMigrationError, repo: repo
      end
    rescue
      error in [Postgrex.Error, DBConnection.ConnectionError] ->
        if repo.__adapter__().storage_status(repo.config()) == :down do
          reraise Phoenix.Ecto.StorageNotCreatedError, [repo: repo], __STACKTRACE__
        end

        _ = error
    end
  end
end

defmodule Phoenix.Ecto.SQL.Sandbox do
  @moduledoc false
  @behaviour Plug

  @impl true
  def init(opts), do: opts
  @impl true
  def call(conn, _), do: conn
end
