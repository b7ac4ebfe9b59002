defmodule Xavos.Intelligence.Spending do
  @moduledoc "What advice has cost today (in UTC), and what may still be spent."

  alias Xavos.Intelligence.{Advice, Settings}

  require Ash.Query

  @doc "What all advice of today has cost, in dollars."
  @spec today() :: Decimal.t()
  def today do
    midnight = DateTime.new!(Date.utc_today(), ~T[00:00:00.000000])

    # The bound holds for everybody, whatever the one who asks may see.
    Advice
    |> Ash.Query.filter(inserted_at >= ^midnight)
    |> Ash.sum!(:cost, authorize?: false)
    |> Kernel.||(Decimal.new(0))
  end

  @doc "What of the day's bound is left."
  @spec left(Settings.t()) :: Decimal.t()
  def left(settings) do
    Decimal.from_float(settings.max_cost_per_day / 1)
    |> Decimal.sub(today())
    |> Decimal.max(Decimal.new(0))
  end
end
