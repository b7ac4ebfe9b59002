import Config

# Events of tests are told at once, and only in their own VM.
if config_env() == :test,
  do: config(:xavos, Xavos.Coordination.Events, relay: false, flush_ms: 5)
