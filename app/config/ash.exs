import Config

config :xavos, ash_domains: [Xavos.Accounts, Xavos.Coordination, Xavos.Intelligence]

# The sandbox of the tests belongs to one process.
if config_env() == :test, do: config(:ash, disable_async?: true)

# Hashing is slow on purpose; tests need not wait for it.
if config_env() == :test, do: config(:bcrypt_elixir, log_rounds: 1)
