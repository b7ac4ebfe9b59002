defmodule Xavos.Intelligence.Actions.Request do
  @moduledoc """
  Collects the situation, asks for advice, and stores it.

  Claude is asked where a key is configured and the budget allows it; otherwise, and where Claude cannot answer, the
  heuristic advises, and the advice says so. What a failed question has cost is kept as well.
  """
  use Ash.Resource.Actions.Implementation

  alias Xavos.Intelligence
  alias Xavos.Intelligence.{Claude, Heuristic, Person, Settings, Situation, Spending}

  require Logger

  @impl true
  def run(input, _options, context) do
    kind = input.arguments.kind
    settings = Settings.read(Map.get(input.context, :intelligence, []))
    ash = [actor: context.actor, authorize?: context.authorize?]

    with {:ok, situation} <- Situation.look(kind, settings.items, ash),
         {:ok, advice} <- advise(situation, settings, Person.name(context.actor)) do
      decide(advice, settings)
    end
  end

  defp advise(situation, settings, person) do
    {advice, reservation} = ask(situation, settings)

    advice
    |> Map.merge(%{kind: situation.kind, requested_by: person})
    |> Spending.settle(reservation)
  end

  defp ask(%{items: []} = situation, _settings), do: {by_rules(situation), nil}
  defp ask(situation, %{api_key: nil}), do: {by_rules(situation), nil}

  # So that two questions cannot spend the same money, wherever they are asked.
  defp ask(situation, settings) do
    {left, reservation} = Spending.reserve(settings, Claude.bound(situation, settings))
    {answer(situation, settings, left), reservation}
  end

  defp answer(situation, settings, left) do
    case Claude.advise(situation, settings, left) do
      {:ok, advice, usage} ->
        advice |> Map.merge(usage) |> Map.put(:source, :claude)

      {:error, reason, usage} ->
        Logger.warning("No advice from Claude: #{reason}")
        situation |> by_rules() |> Map.merge(usage) |> Map.put(:trouble, reason)
    end
  end

  defp by_rules(situation), do: situation |> Heuristic.advise() |> Map.put(:source, :heuristic)

  defp decide(%{suggestions: [_ | _]} = advice, %{apply: :automatic}) do
    Intelligence.apply_advice(advice.id, authorize?: false, context: %{automatic?: true})
  end

  defp decide(advice, _settings), do: {:ok, advice}
end
