defmodule Xavos.Swarm.Runtime do
  @moduledoc """
  Starts the parts of the application that a Mix task needs: the repository, PubSub and live events. It starts no
  server and no jobs, so it can run beside a running XAVOS.
  """

  @doc "Starts it, where it does not run already. `repo` are settings of the repository."
  @spec start(keyword) :: :ok
  def start(repo \\ []) do
    {:ok, _applications} =
      Application.ensure_all_started([:ash, :ash_postgres, :ecto_sql, :postgrex, :phoenix_pubsub])

    # Many processes share few connections: to wait for one is no failure.
    repo = Keyword.merge([queue_target: 5_000, queue_interval: 10_000, log: false], repo)

    for child <- [
          {Xavos.Repo, repo},
          {Phoenix.PubSub, name: Xavos.PubSub},
          {Task.Supervisor, name: Xavos.TaskSupervisor},
          Xavos.Coordination.Events
        ] do
      start_child(Supervisor.child_spec(child, []))
    end

    :ok
  end

  defp start_child(%{start: {module, function, arguments}}) do
    case apply(module, function, arguments) do
      {:ok, _pid} -> :ok
      {:error, {:already_started, _pid}} -> :ok
      {:error, reason} -> raise "#{inspect(module)} does not start: #{inspect(reason)}"
    end
  end
end
