# What is the same for every production server, and may be compiled in. What differs is read by config/runtime.exs.
import Config

if config_env() == :prod do
  config :xavos,
    # Of the source that a release is built from: the one variable that a build reads. /health/live tells it.
    revision: System.get_env("XAVOS_REVISION", ""),
    # Nothing for developers: no page of the dashboard, no mailbox.
    dev_routes: false

  # No form and no session of a process that has crashed.
  config :logger,
    translators: [{Xavos.LogTranslator, :translate}, {Logger.Translator, :translate}]

  config :xavos, XavosWeb.Endpoint,
    cache_static_manifest: "priv/static/cache_manifest.json",
    # TLS ends at the proxy, which says so in x-forwarded-proto. Health is asked without it, under any name.
    force_ssl: [
      hsts: true,
      rewrite_on: [:x_forwarded_proto],
      exclude: [hosts: [], paths: ["/health", "/health/live", "/health/ready"]]
    ]
end
