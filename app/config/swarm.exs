import Config

if config_env() == :test do
  # Events of tests are told at once, and only in their own VM.
  config :xavos, Xavos.Coordination.Events, relay: false, flush_ms: 5

  # Many agents share one connection of the sandbox; on a busy machine, waiting for it is no failure.
  config :xavos, Xavos.Repo, queue_target: 10_000, queue_interval: 60_000
end
