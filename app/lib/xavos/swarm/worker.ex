defmodule Xavos.Swarm.Worker do
  @moduledoc false
  # One agent of a swarm: asks for work until all is done.

  alias Xavos.Coordination
  alias Xavos.Swarm.Ledger

  @system [authorize?: false]

  # Of a hundred items so many are blocked for a while, and so many fail once.
  @blocked 5
  @failed 3

  @heartbeat_ms 20_000

  def run(agent, context, deadline), do: loop(agent, context, deadline, now(), 0)

  defp loop(agent, context, deadline, heartbeat, misses) do
    heartbeat = heartbeat(agent, heartbeat)

    cond do
      Ledger.done?(context.ledger) ->
        :ok

      now() > deadline ->
        Ledger.timed_out(context.ledger)
        :ok

      true ->
        misses = agent |> claim(context, agent.capacity) |> work(context, deadline, misses)
        loop(agent, context, deadline, heartbeat, misses)
    end
  end

  # What is left waits for others' work; the longer there is nothing, the less often is it asked for.
  defp work([], _context, _deadline, misses) do
    Process.sleep(Enum.random(10..20) * min(misses + 1, 10))
    misses + 1
  end

  # What is not begun when time is over goes back with the agent.
  defp work(items, context, deadline, _misses) do
    for item <- items, now() < deadline, do: work(item, context)
    0
  end

  # One after the other, until there is nothing or no room.
  defp claim(_agent, _context, 0), do: []

  defp claim(agent, context, room) do
    {microseconds, item} =
      :timer.tc(fn ->
        Coordination.claim_next!(agent.agent_id, %{types: [context.type]}, @system)
      end)

    if item do
      Ledger.claimed(context.ledger, item, agent.agent_id, microseconds)
      [item | claim(agent, context, room - 1)]
    else
      []
    end
  end

  defp work(item, context) do
    item = Coordination.start_work_item!(item, @system)
    sleep(context)
    item = if luck(@blocked), do: be_blocked(item, context), else: item

    if luck(@failed) and not Ledger.failed_before?(context.ledger, item) do
      item = Coordination.fail_work_item!(item, "The swarm lets some fail", @system)
      Ledger.failed(context.ledger, item)
      Coordination.retry_work_item!(item, @system)
    else
      item = Coordination.report_progress!(item, 50, @system)
      sleep(context)

      item =
        Coordination.complete_work_item!(item, %{"by" => "the swarm #{context.run}"}, @system)

      Ledger.completed(context.ledger, item)
    end
  end

  defp be_blocked(item, context) do
    Ledger.blocked(context.ledger)
    item = Coordination.block_work_item!(item, "Waits for something outside", @system)
    sleep(context)
    sleep(context)
    Coordination.unblock_work_item!(item, @system)
  end

  defp heartbeat(agent, last) do
    if now() - last >= @heartbeat_ms do
      Coordination.heartbeat!(agent, @system)
      now()
    else
      last
    end
  end

  defp luck(percent), do: :rand.uniform(100) <= percent
  defp sleep(context), do: Process.sleep(Enum.random(context.options[:work_ms]))
  defp now, do: System.monotonic_time(:millisecond)
end
