defmodule Mix.Tasks.Xavos.Advise do
  @shortdoc "Asks for advice on priorities or assignments"

  @moduledoc """
  Asks for advice, stores it in the configured database, and prints it.

      $ mix xavos.advise priority
      $ mix xavos.advise assignment

  It is shown on the page `/intelligence`, where an operator decides. Options:

    * `--apply`: apply it at once;
    * `--json`: print it as JSON.

  Without ANTHROPIC_API_KEY a heuristic advises; `Xavos.Settings.Advice` says what else can be set.
  """
  use Mix.Task

  alias Xavos.Intelligence
  alias Xavos.Intelligence.Advice
  alias Xavos.Swarm.Runtime

  @requirements ["app.config"]

  @impl Mix.Task
  def run(arguments) do
    {kind, options} = parse!(arguments)
    start()

    advice = kind |> Intelligence.request_advice!(authorize?: false) |> decide(options)

    if options[:json],
      do: Mix.shell().info(Jason.encode!(to_map(advice))),
      else: Mix.shell().info(to_text(advice))
  end

  defp parse!(arguments) do
    case OptionParser.parse(arguments, strict: [apply: :boolean, json: :boolean]) do
      {options, [name], []} ->
        case Enum.find(Advice.kinds(), &(to_string(&1) == name)) do
          nil -> Mix.raise("#{name} is neither priority nor assignment")
          kind -> {kind, options}
        end

      {_options, _names, [{option, _value} | _]} ->
        Mix.raise("#{option} is not understood; see mix help xavos.advise")

      _ ->
        Mix.raise("say what to advise on: mix xavos.advise priority, or assignment")
    end
  end

  defp start do
    Logger.configure(level: :warning)
    {:ok, _applications} = Application.ensure_all_started(:req)
    Runtime.start()
  end

  defp decide(%{status: :proposed} = advice, options) do
    if options[:apply], do: Intelligence.apply_advice!(advice.id, authorize?: false), else: advice
  end

  defp decide(advice, _options), do: advice

  defp to_map(advice) do
    advice
    |> Map.take([
      :id,
      :kind,
      :source,
      :model,
      :summary,
      :status,
      :refused,
      :trouble,
      :input_tokens,
      :output_tokens,
      :cost
    ])
    |> Map.put(
      :suggestions,
      Enum.map(
        advice.suggestions,
        &Map.take(&1, [:work_item_id, :from, :priority, :agent_id, :reason, :outcome, :note])
      )
    )
  end

  defp to_text(advice) do
    [
      advice.summary,
      advice.trouble && "Claude was asked in vain: #{advice.trouble}",
      Enum.map(advice.suggestions, &line/1),
      Enum.map(advice.refused, &"  refused: #{&1}"),
      "#{advice.status}; #{source(advice)}; #{advice.input_tokens} + #{advice.output_tokens} tokens, $#{advice.cost}"
    ]
    |> List.flatten()
    |> Enum.reject(&(&1 in [nil, false]))
    |> Enum.join("\n")
  end

  defp source(%{source: :claude, model: model}), do: "Claude (#{model})"
  defp source(%{source: :heuristic}), do: "heuristic"

  defp line(suggestion) do
    what =
      if suggestion.priority,
        do: "#{suggestion.from} -> #{suggestion.priority}",
        else: suggestion.agent_id

    outcome =
      if suggestion.outcome == :open, do: "", else: " [#{suggestion.outcome}#{note(suggestion)}]"

    "  #{suggestion.work_item_id}: #{what}: #{suggestion.reason}#{outcome}"
  end

  defp note(%{note: nil}), do: ""
  defp note(%{note: note}), do: ": #{note}"
end
