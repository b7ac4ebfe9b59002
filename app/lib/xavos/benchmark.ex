defmodule Xavos.Benchmark do
  @moduledoc """
  Measures the rate of claims, and compares it with as many jobs in plain Oban.

  Each repetition measures, one after the other, with as many agents as Oban's queue runs jobs:

    * `claim_next`: agents claim items, one each time, until none is left or all hold as many as they can;
    * `claim_batch`: the same, ten at a time;
    * `work_through`: agents claim an item and complete it, until none is left: what Oban does with a job;
    * `oban`: Oban executes jobs that do nothing.

  What is prepared (items, agents, jobs) is not measured. It is for a database of its own: see `mix xavos.benchmark`.
  """

  alias Xavos.Benchmark.Job
  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, Rank, WorkItem}
  alias Xavos.Repo

  import Ecto.Query, only: [from: 2]

  @system [authorize?: false]

  # As many as an agent can hold.
  @capacity 100
  @batch 10
  @ways [:claim_next, :claim_batch, :work_through, :oban]

  @doc "Runs `:repetitions` (3) with `:agents` (64) and `:items` (10,000); `:tell` is told in lines what goes on."
  @spec run(keyword) :: map
  def run(options \\ []) do
    agents = Keyword.get(options, :agents, 64)
    items = Keyword.get(options, :items, 10_000)
    repetitions = Keyword.get(options, :repetitions, 3)
    tell = Keyword.get(options, :tell, fn _line -> :ok end)

    measured =
      for repetition <- 1..repetitions, way <- @ways do
        {count, microseconds} = measure(way, agents, items)
        rate = Float.round(count * 1_000_000 / max(microseconds, 1), 1)

        tell.(
          "#{repetition}. #{String.pad_trailing(to_string(way), 13)} #{count} in #{div(microseconds, 1000)} ms: #{rate}/s"
        )

        {way, rate}
      end

    rates = for way <- @ways, do: {way, for({^way, rate} <- measured, do: rate)}
    oban = median(rates[:oban])

    %{
      agents: agents,
      items: items,
      repetitions: repetitions,
      ways:
        Map.new(rates, fn {way, rates} ->
          {way,
           %{rates: rates, median: median(rates), to_oban: Float.round(median(rates) / oban, 2)}}
        end)
    }
  end

  @doc "The outcome in words."
  @spec to_text(map) :: String.t()
  def to_text(outcome) do
    rows =
      for way <- @ways do
        %{rates: rates, median: median, to_oban: ratio} = outcome.ways[way]

        "  #{String.pad_trailing(label(way), 34)} #{String.pad_leading(to_string(median), 8)}/s" <>
          "   #{String.pad_leading(to_string(ratio), 5)} x Oban   (#{Enum.join(rates, ", ")})\n"
      end

    "#{outcome.agents} agents, #{outcome.items} items, #{outcome.repetitions} repetitions, medians\n#{rows}"
  end

  defp label(:claim_next), do: "claim_next"
  defp label(:claim_batch), do: "claim_batch, #{@batch} at a time"
  defp label(:work_through), do: "claim_next and complete"
  defp label(:oban), do: "Oban, a job that does nothing"

  # --- one way, once: how many, in how many microseconds ---

  defp measure(:oban, limit, jobs) do
    name = Module.concat(__MODULE__, Oban)
    queue = [benchmark: [limit: limit, paused: true]]

    # No other node is there to be told anything.
    {:ok, oban} =
      Oban.start_link(
        name: name,
        repo: Repo,
        queues: queue,
        plugins: false,
        peer: false,
        notifier: Oban.Notifiers.Isolated,
        stage_interval: :infinity
      )

    done = :counters.new(1, [:write_concurrency])
    Job.count_in(done)

    1..jobs
    |> Stream.map(&Job.new(%{number: &1}))
    |> Stream.chunk_every(1_000)
    |> Enum.each(&Oban.insert_all(name, &1))

    try do
      :timer.tc(fn ->
        Oban.resume_queue(name, queue: :benchmark)
        wait(fn -> :counters.get(done, 1) >= jobs and completed_jobs() >= jobs end)
      end)
      |> then(fn {microseconds, :ok} -> {jobs, microseconds} end)
    after
      Supervisor.stop(oban)
      Repo.delete_all(from(job in Oban.Job, where: job.queue == "benchmark"))
    end
  end

  defp measure(way, agents, items) do
    names = prepare(agents, items)
    counter = :counters.new(1, [:write_concurrency])

    {microseconds, :ok} =
      :timer.tc(fn ->
        names
        |> Task.async_stream(&each(way, &1, counter), max_concurrency: agents, timeout: :infinity)
        |> Stream.run()
      end)

    forget()
    {:counters.get(counter, 1), microseconds}
  end

  defp each(:claim_next, agent, counter) do
    # An agent that is full gets no more.
    Enum.find(1..@capacity, fn _claim -> claim(agent, counter) == nil end)
  end

  defp each(:claim_batch, agent, counter) do
    Enum.find(1..div(@capacity, @batch), fn _claim ->
      items = Coordination.claim_batch!(agent, @batch, %{}, @system)
      :counters.add(counter, 1, length(items))
      items == []
    end)
  end

  defp each(:work_through, agent, counter) do
    case claim(agent, counter) do
      nil ->
        :ok

      item ->
        Coordination.complete_work_item!(item, %{}, @system)
        each(:work_through, agent, counter)
    end
  end

  defp claim(agent, counter) do
    item = Coordination.claim_next!(agent, %{}, @system)
    if item, do: :counters.add(counter, 1, 1)
    item
  end

  # --- what there is to claim ---

  # Rows at once: actions would take longer than what is measured.
  defp prepare(agents, items) do
    now = DateTime.utc_now()
    times = %{inserted_at: now, updated_at: now}

    insert_all(Agent, 1..agents, fn number ->
      Map.merge(times, %{
        agent_id: "benchmark-#{number}",
        name: "Benchmark",
        capacity: @capacity,
        workload: 0,
        status: :active
      })
    end)

    insert_all(WorkItem, 1..items, fn number ->
      priority = Enum.at(WorkItem.priorities(), rem(number, 4))

      Map.merge(times, %{
        work_item_id: "BENCHMARK-#{number}",
        type: "benchmark",
        description: "To be claimed",
        priority: priority,
        status: :pending,
        progress: 0,
        rank: now |> DateTime.add(number, :millisecond) |> Rank.of(priority, 0)
      })
    end)

    Repo.query!("ANALYZE work_items")
    for number <- 1..agents, do: "benchmark-#{number}"
  end

  defp insert_all(resource, numbers, row) do
    numbers
    |> Stream.map(&Map.put(row.(&1), :id, Ash.UUID.generate()))
    |> Stream.chunk_every(1_000)
    |> Enum.each(&Repo.insert_all(resource, &1))
  end

  defp forget do
    Repo.delete_all(WorkItem)
    Repo.delete_all(Agent)
  end

  defp completed_jobs do
    Repo.aggregate(
      from(job in Oban.Job, where: job.queue == "benchmark" and job.state == "completed"),
      :count
    )
  end

  defp wait(done?) do
    if done?.() do
      :ok
    else
      Process.sleep(5)
      wait(done?)
    end
  end

  defp median(rates), do: rates |> Enum.sort() |> Enum.at(div(length(rates), 2))
end
