defmodule Xavos.Scrum.Percentile do
  @moduledoc """
  An aggregate over work items: a percentile of the cycle time, in seconds.

  `at: 0.5` is the median. Between two items the time is interpolated.
  """
  use Ash.Resource.Aggregate.CustomAggregate
  use AshPostgres.CustomAggregate

  require Ecto.Query

  @impl AshPostgres.CustomAggregate
  def dynamic(options, binding) do
    Ecto.Query.dynamic(
      [],
      fragment(
        "percentile_cont(?::float) WITHIN GROUP (ORDER BY extract(epoch FROM ? - ?)::float)",
        ^options[:at],
        field(as(^binding), :finished_at),
        field(as(^binding), :claimed_at)
      )
    )
  end
end
