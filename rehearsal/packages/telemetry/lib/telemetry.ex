defmodule :telemetry do
  @moduledoc "Rehearsal stand-in: stores handlers in a persistent term."

  def attach(id, event, fun, config), do: attach_many(id, [event], fun, config)

  def attach_many(id, events, fun, config) do
    :persistent_term.put(__MODULE__, [{id, events, fun, config} | handlers()])
  end

  def detach(id) do
    :persistent_term.put(__MODULE__, Enum.reject(handlers(), &(elem(&1, 0) == id)))
  end

  def execute(event, measurements), do: execute(event, measurements, %{})

  def execute(event, measurements, metadata) do
    for {_, events, fun, config} <- handlers(), event in events do
      fun.(event, measurements, metadata, config)
    end

    :ok
  end

  def span(prefix, metadata, fun) do
    start = System.monotonic_time()
    execute(prefix ++ [:start], %{monotonic_time: start, system_time: System.system_time()}, metadata)
    {result, stop} = fun.()
    execute(prefix ++ [:stop], %{duration: System.monotonic_time() - start}, stop)
    result
  end

  defp handlers, do: :persistent_term.get(__MODULE__, [])
end
