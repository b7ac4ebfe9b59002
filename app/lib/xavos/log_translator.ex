defmodule Xavos.LogTranslator do
  @moduledoc """
  Keeps secrets out of the log when a process crashes. The report of a crash has the last message and the state of the
  process: of a live page, that is the form with a password in it and the session. This translator takes both out, and
  the arguments of functions in the trace, before Logger writes the rest.
  """

  @hidden :not_shown

  @doc "A translator of Logger (`config :logger, :translators`): it has a report to itself, or leaves it to the next."
  @spec translate(Logger.level(), Logger.level(), :report | :format, term) ::
          {:ok, IO.chardata(), keyword} | {:ok, IO.chardata()} | :skip | :none
  def translate(min_level, level, :report, {:logger, %{label: {kind, :terminate}} = report})
      when kind in [:gen_server, :gen_event, :gen_statem] do
    Logger.Translator.translate(min_level, level, :report, {:logger, hide(report)})
  end

  def translate(min_level, level, :report, {{kind, :terminating} = label, report})
      when kind in [Task, Task.Supervisor] do
    shown = report |> Map.new() |> hide_task()
    Logger.Translator.translate(min_level, level, :report, {label, shown})
  end

  def translate(_min_level, _level, _kind, _message), do: :none

  defp hide(report) do
    report
    |> replace([:last_message, :state, :queue, :postponed], @hidden)
    |> Map.replace_lazy(:reason, &without_arguments/1)
  end

  defp hide_task(report) do
    report |> replace([:args], []) |> Map.replace_lazy(:reason, &without_arguments/1)
  end

  defp replace(report, keys, value),
    do: Enum.reduce(keys, report, fn key, report -> Map.replace(report, key, value) end)

  # A trace has the arguments of a call that no clause took.
  defp without_arguments({reason, [_ | _] = trace}), do: {reason, Enum.map(trace, &arity_only/1)}
  defp without_arguments(reason), do: reason

  defp arity_only({module, function, arguments, location}) when is_list(arguments),
    do: {module, function, length(arguments), location}

  defp arity_only(call), do: call
end
