defmodule Xavos.Swarm.Ledger do
  @moduledoc false
  # What the agents of a swarm have done, in a table of this VM: a witness that does not trust the database.

  def new(items) do
    table = :ets.new(:swarm, [:public, :set, write_concurrency: true])

    :ets.insert(
      table,
      for(name <- [:claimed_twice, :failed, :blocked, :completed], do: {name, 0})
    )

    %{table: table, items: items}
  end

  def delete(%{table: table}), do: :ets.delete(table)

  @doc "An agent has got an item, after so many microseconds."
  def claimed(%{table: table}, item, agent_id, microseconds) do
    # Whoever holds an item is there alone.
    if not :ets.insert_new(table, {{:held, item.id}, agent_id}), do: count(table, :claimed_twice)
    # And what is completed is never given out again.
    if :ets.member(table, {:completed, item.id}), do: count(table, :claimed_twice)
    :ets.insert(table, {{:claim, make_ref()}, agent_id, microseconds})
  end

  @doc "An agent no longer has it."
  def completed(%{table: table}, item) do
    :ets.insert(table, {{:completed, item.id}})
    :ets.delete(table, {:held, item.id})
    count(table, :completed)
  end

  def failed(%{table: table}, item) do
    :ets.delete(table, {:held, item.id})
    count(table, :failed)
  end

  def blocked(%{table: table}), do: count(table, :blocked)

  def failed_before?(%{table: table}, item), do: not :ets.insert_new(table, {{:failed, item.id}})

  def timed_out(%{table: table}), do: :ets.insert(table, {:timed_out, true})

  def done?(%{table: table, items: items}), do: :ets.lookup_element(table, :completed, 2) >= items

  def summary(%{table: table}) do
    claims = :ets.select(table, [{{{:claim, :_}, :"$1", :"$2"}, [], [{{:"$1", :"$2"}}]}])
    times = claims |> Enum.map(&elem(&1, 1)) |> Enum.sort() |> List.to_tuple()

    %{
      claims: length(claims),
      per_agent: Enum.frequencies_by(claims, &elem(&1, 0)),
      claim_ms: %{median: percentile(times, 0.5), p95: percentile(times, 0.95)},
      claimed_twice: :ets.lookup_element(table, :claimed_twice, 2),
      failed: :ets.lookup_element(table, :failed, 2),
      blocked: :ets.lookup_element(table, :blocked, 2),
      timed_out: :ets.member(table, :timed_out)
    }
  end

  defp count(table, name), do: :ets.update_counter(table, name, 1)

  defp percentile({}, _share), do: nil

  defp percentile(sorted, share) do
    index = min(trunc(tuple_size(sorted) * share), tuple_size(sorted) - 1)
    Float.round(elem(sorted, index) / 1000, 1)
  end
end
