# Who advises, and what that may cost.
#
#     ANTHROPIC_API_KEY              without one a heuristic advises, and says so
#     ANTHROPIC_MODEL                which model is asked (claude-sonnet-4-5)
#     ANTHROPIC_BASE_URL             where (https://api.anthropic.com)
#     XAVOS_ADVICE_TIMEOUT_MS        how long an answer may take (60000)
#     XAVOS_ADVICE_RETRIES           how often a busy service is asked again (3)
#     XAVOS_ADVICE_MAX_TOKENS        how long an answer may be (4096)
#     XAVOS_ADVICE_ITEMS             how many items of work are looked at (50)
#     XAVOS_ADVICE_INPUT_PRICE       US dollars for a million tokens sent (3)
#     XAVOS_ADVICE_OUTPUT_PRICE      and for a million received (15)
#     XAVOS_ADVICE_MAX_COST          dollars that one question may cost at most (0.25)
#     XAVOS_ADVICE_MAX_COST_PER_DAY  and all of a day, in UTC (2)
#     XAVOS_ADVICE_APPLY             operator: one decides (the default); automatic: advice is applied as it comes
import Config

# `0x`, `1e400` and the like are no numbers here; neither is what is left empty.
number = fn name, default, parse, least ->
  case System.get_env(name, "") do
    "" ->
      default

    text ->
      case parse.(text) do
        {value, ""} when value >= least -> value
        _ -> raise("#{name}=#{text} is not a number from #{least} on")
      end
  end
end

text = fn name, default ->
  case System.get_env(name, "") do
    "" -> default
    value -> value
  end
end

config :xavos, Xavos.Intelligence,
  # The key itself is read when it is needed, and is in no configuration that could be printed or built into a release.
  api_key: {:system, "ANTHROPIC_API_KEY"},
  model: text.("ANTHROPIC_MODEL", "claude-sonnet-4-5"),
  base_url: text.("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
  timeout_ms: number.("XAVOS_ADVICE_TIMEOUT_MS", 60_000, &Integer.parse/1, 1),
  retries: number.("XAVOS_ADVICE_RETRIES", 3, &Integer.parse/1, 0),
  max_tokens: number.("XAVOS_ADVICE_MAX_TOKENS", 4096, &Integer.parse/1, 1),
  items: number.("XAVOS_ADVICE_ITEMS", 50, &Integer.parse/1, 1),
  input_price: number.("XAVOS_ADVICE_INPUT_PRICE", 3.0, &Float.parse/1, 0),
  output_price: number.("XAVOS_ADVICE_OUTPUT_PRICE", 15.0, &Float.parse/1, 0),
  max_cost: number.("XAVOS_ADVICE_MAX_COST", 0.25, &Float.parse/1, 0),
  max_cost_per_day: number.("XAVOS_ADVICE_MAX_COST_PER_DAY", 2.0, &Float.parse/1, 0),
  apply:
    (case text.("XAVOS_ADVICE_APPLY", "operator") do
       "operator" -> :operator
       "automatic" -> :automatic
       other -> raise("XAVOS_ADVICE_APPLY=#{other} is neither operator nor automatic")
     end)

# Tests ask nobody but themselves, whatever the environment has.
if config_env() == :test do
  config :xavos, Xavos.Intelligence,
    api_key: nil,
    model: "claude-of-the-tests",
    base_url: "http://127.0.0.1:9",
    timeout_ms: 60_000,
    retries: 3,
    max_tokens: 4096,
    items: 50,
    input_price: 3.0,
    output_price: 15.0,
    max_cost: 0.25,
    max_cost_per_day: 2.0,
    apply: :operator
end
