defmodule Xavos.Jobs do
  @moduledoc """
  Where background jobs run: in servers. A command (`mix xavos.operator`, `mix run`) that starts the application adds jobs
  and runs none. It may end in the midst of one, and the schedule would wait for that job.
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
