import Config

config :xavos, ash_domains: []

# The sandbox of the tests belongs to one process.
if config_env() == :test, do: config(:ash, disable_async?: true)
