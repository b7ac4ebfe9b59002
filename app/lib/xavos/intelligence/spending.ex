defmodule Xavos.Intelligence.Spending do
  @moduledoc """
  The cost of advice today (in UTC), and the rest of the daily limit.

  The bound of a day holds for all VMs together: the server is one, `mix xavos.advise` another. Before a question is asked,
  what it may cost is reserved in the database; when its advice is kept, what it has cost takes the place of that.
  """

  alias Xavos.Coordination.{Locks, Snapshot}
  alias Xavos.Intelligence
  alias Xavos.Intelligence.{Advice, Reservation, Settings}

  require Ash.Query

  @doc "What all advice of today has cost, and what is being asked may cost, in dollars."
  @spec today() :: Decimal.t()
  def today do
    Snapshot.read(fn -> Decimal.add(sum(Advice, :cost), sum(Reservation, :amount)) end)
  end

  # The bound holds for everybody, whatever the one who asks may see.
  defp sum(resource, field) do
    midnight = DateTime.new!(Date.utc_today(), ~T[00:00:00.000000])

    resource
    |> Ash.Query.filter(inserted_at >= ^midnight)
    |> Ash.sum!(field, authorize?: false)
    |> Kernel.||(Decimal.new(0))
  end

  @doc "What of the day's bound is left."
  @spec left(Settings.t()) :: Decimal.t()
  def left(settings) do
    Decimal.from_float(settings.max_cost_per_day / 1)
    |> Decimal.sub(today())
    |> Decimal.max(Decimal.new(0))
  end

  @doc """
  Reserves as much as a question may cost, if that is left. Gives what may be spent on it, which is less than that where
  too little is left; then nothing is reserved.
  """
  @spec reserve(Settings.t(), Decimal.t()) :: {Decimal.t(), Reservation.t() | nil}
  def reserve(settings, most) do
    {:ok, reserved} =
      Ash.transact([Advice, Reservation], fn ->
        Locks.spending()
        left = left(settings)

        cond do
          Decimal.gt?(most, left) -> {left, nil}
          # Where nothing has a price.
          not Decimal.positive?(most) -> {most, nil}
          true -> {most, Ash.create!(Reservation, %{amount: most}, authorize?: false)}
        end
      end)

    reserved
  end

  @doc "Keeps an advice with what it has cost, in place of what was reserved for it."
  @spec settle(map, Reservation.t() | nil) :: {:ok, Advice.t()} | {:error, term}
  def settle(advice, reservation) do
    Ash.transact([Advice, Reservation], fn ->
      Locks.spending()
      if reservation, do: Ash.destroy!(reservation, authorize?: false)
      with {:ok, advice} <- Intelligence.propose_advice(advice, authorize?: false), do: advice
    end)
  end
end
