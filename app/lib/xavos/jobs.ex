defmodule Xavos.Jobs do
  @moduledoc """
  Decides where background jobs run: in servers only. A command such as `mix xavos.operator` adds jobs and runs
  none. It could end during a job, and the schedule would wait for that job.
  """

  alias XavosWeb.Endpoint

  @doc "What `Oban` is started with."
  @spec config() :: keyword
  def config do
    # With all queues, of which AshOban asks whether they are there.
    settings =
      AshOban.config(
        Application.fetch_env!(:xavos, :ash_domains),
        Application.fetch_env!(:xavos, Oban)
      )

    if server?(),
      do: settings,
      else: Keyword.merge(settings, peer: false, plugins: false, queues: false)
  end

  defp server? do
    Application.get_env(:phoenix, :serve_endpoints, false) or
      Keyword.get(Application.get_env(:xavos, Endpoint, []), :server, false)
  end
end
