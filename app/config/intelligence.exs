# What advises and what that may cost is read when a server starts (`Xavos.Settings.Advice`).
import Config

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
