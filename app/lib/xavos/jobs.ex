defmodule Xavos.Jobs do
  @moduledoc """
  Decides where background jobs run: in servers only. A command such as `mix xavos.operator` adds jobs and runs
  none. It could end during a job, and the schedule would wait for that job.

  When a server ends, it begins no job any more (`pause/0`), and those that run may end. What has not ended by then is
  given back by `Xavos.Jobs.HandBack`.
  """

  alias XavosWeb.Endpoint

  require Logger

  @name {__MODULE__, :node}

  @doc "What `Oban` is started with."
  @spec config() :: keyword
  def config do
    # With all queues, of which AshOban asks whether they are there.
    settings =
      AshOban.config(
        Application.fetch_env!(:xavos, :ash_domains),
        Application.fetch_env!(:xavos, Oban)
      )

    settings = Keyword.put(settings, :node, instance())

    if server?(),
      do: settings,
      else: Keyword.merge(settings, peer: false, plugins: false, queues: false)
  end

  @doc """
  The name of this instance, by which its jobs are known: that of the machine, and random letters, because several
  instances may be on one machine.
  """
  @spec instance() :: String.t()
  def instance do
    with nil <- :persistent_term.get(@name, nil) do
      {:ok, host} = :inet.gethostname()
      name = "#{host}.#{Base.encode16(:crypto.strong_rand_bytes(4), case: :lower)}"
      :persistent_term.put(@name, name)
      name
    end
  end

  @doc "Has this server begin no more jobs; those that run go on."
  @spec pause() :: :ok
  def pause do
    if server?(), do: Oban.pause_all_queues(local_only: true)
    :ok
  rescue
    # Without the database there are no jobs to begin.
    error -> Logger.warning("Jobs were not paused: #{Exception.message(error)}")
  catch
    :exit, _reason -> Logger.warning("Jobs were not paused: they are not running")
  end

  @doc "Whether this VM serves requests and runs jobs."
  @spec server?() :: boolean
  def server? do
    Application.get_env(:phoenix, :serve_endpoints, false) or
      Keyword.get(Application.get_env(:xavos, Endpoint, []), :server, false)
  end
end
