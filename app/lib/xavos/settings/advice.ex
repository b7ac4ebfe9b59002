defmodule Xavos.Settings.Advice do
  @moduledoc """
  Who advises, and what that may cost. Without `ANTHROPIC_API_KEY` a heuristic advises, and says so. The key itself is read
  when it is needed, and is in no configuration that could be printed.
  """
  @behaviour Xavos.Settings

  import Xavos.Settings.Variable, only: [new: 5]

  @impl true
  def variables(_environment) do
    [
      new(:model, "ANTHROPIC_MODEL", :text, "which model is asked", default: "claude-sonnet-4-5"),
      new(:base_url, "ANTHROPIC_BASE_URL", :text, "where it is asked",
        default: "https://api.anthropic.com"
      ),
      new(
        :timeout_ms,
        "XAVOS_ADVICE_TIMEOUT_MS",
        {:integer_from, 1},
        "how long an answer may take",
        default: 60_000
      ),
      new(
        :retries,
        "XAVOS_ADVICE_RETRIES",
        {:integer_from, 0},
        "how often a busy service is asked again",
        default: 3
      ),
      new(
        :max_tokens,
        "XAVOS_ADVICE_MAX_TOKENS",
        {:integer_from, 1},
        "how long an answer may be",
        default: 4096
      ),
      new(
        :items,
        "XAVOS_ADVICE_ITEMS",
        {:integer_from, 1},
        "how many items of work are looked at",
        default: 50
      ),
      new(
        :input_price,
        "XAVOS_ADVICE_INPUT_PRICE",
        {:float_from, 0},
        "US dollars for a million tokens sent",
        default: 3.0
      ),
      new(
        :output_price,
        "XAVOS_ADVICE_OUTPUT_PRICE",
        {:float_from, 0},
        "US dollars for a million tokens received",
        default: 15.0
      ),
      new(
        :max_cost,
        "XAVOS_ADVICE_MAX_COST",
        {:float_from, 0},
        "dollars that one question may cost at most",
        default: 0.25
      ),
      new(
        :max_cost_per_day,
        "XAVOS_ADVICE_MAX_COST_PER_DAY",
        {:float_from, 0},
        "dollars that all questions of a day, in UTC, may cost at most",
        default: 2.0
      ),
      new(
        :apply,
        "XAVOS_ADVICE_APPLY",
        {:one_of, ~w(operator automatic)},
        "who decides: an operator, or advice is applied as it comes",
        default: "operator"
      )
    ]
  end

  @impl true
  def config(values) do
    settings = %{values | apply: String.to_existing_atom(values.apply)}

    [
      xavos: [
        {Xavos.Intelligence, [api_key: {:system, "ANTHROPIC_API_KEY"}] ++ Map.to_list(settings)}
      ]
    ]
  end
end
