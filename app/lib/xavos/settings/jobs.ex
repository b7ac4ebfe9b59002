defmodule Xavos.Settings.Jobs do
  @moduledoc "How background jobs end with their server. In development config/features.exs says it."
  @behaviour Xavos.Settings

  import Xavos.Settings.Variable, only: [new: 5]

  @impl true
  def variables(:prod) do
    [
      new(
        :grace_seconds,
        "SHUTDOWN_SECONDS",
        {:integer, 1..600},
        "how long jobs may take to end; what has not ended runs again elsewhere",
        default: 15
      ),
      new(
        :rescue_seconds,
        "XAVOS_JOB_RESCUE_SECONDS",
        {:integer_from, 1},
        "after which a job of a server that was killed runs again; longer than the longest job",
        default: 600
      )
    ]
  end

  def variables(_environment), do: []

  @impl true
  def config(values) do
    rescued = [
      rescue_after: :timer.seconds(values.rescue_seconds),
      interval: :timer.seconds(min(values.rescue_seconds, 60))
    ]

    [
      xavos: [
        {Oban,
         shutdown_grace_period: :timer.seconds(values.grace_seconds),
         plugins: [{Oban.Plugins.Lifeline, rescued}]}
      ]
    ]
  end
end
