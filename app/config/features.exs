import Config

# Background jobs. AshOban adds those of the resources (`Xavos.Jobs`).
config :xavos, Oban,
  engine: Oban.Engines.Basic,
  repo: Xavos.Repo,
  queues: [default: 5, agents: 5],
  plugins: [
    {Oban.Plugins.Cron, []},
    # A week of jobs that are done.
    {Oban.Plugins.Pruner, max_age: 7 * 24 * 3600},
    # Jobs of a server that was killed.
    {Oban.Plugins.Lifeline, rescue_after: :timer.minutes(10)}
  ]

# Jobs are the system's own.
config :ash_oban, authorize?: false

if config_env() == :test do
  # Tests run the jobs that they want run, and each is in a sandbox of its own.
  config :xavos, Oban, testing: :manual
  config :xavos, Xavos.Coordination.Locks, shared?: false
end
