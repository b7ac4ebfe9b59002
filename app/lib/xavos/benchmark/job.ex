defmodule Xavos.Benchmark.Job do
  @moduledoc "A job of `Xavos.Benchmark`. It only counts that it ran."
  use Oban.Worker, queue: :benchmark

  @doc "In which counter jobs count from now on."
  def count_in(counter), do: :persistent_term.put(__MODULE__, counter)

  @impl Oban.Worker
  def perform(_job), do: :counters.add(:persistent_term.get(__MODULE__), 1, 1)
end
