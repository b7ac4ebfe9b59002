# Read whenever XAVOS starts, and never while it is built: what servers take from their environment. `Xavos.Settings`
# reads and checks it; in development and tests most of it is in config/site.exs.
import Config

for {application, settings} <- Xavos.Settings.load(config_env()),
    do: config(application, settings)

if config_env() == :dev do
  # The file of phx.new, in whose place this one is, reads PORT. A path without config/site.exs relies on that.
  if port = System.get_env("PORT"),
    do: config(:xavos, XavosWeb.Endpoint, http: [port: String.to_integer(port)])

  # With XAVOS_WATCH=1 browsers load a page again when one of these changes.
  config :xavos, XavosWeb.Endpoint,
    live_reload: [
      web_console_logger: true,
      patterns: [
        ~r"priv/static/(?!uploads/).*\.(js|css|png|jpeg|jpg|gif|svg)$",
        ~r"priv/gettext/.*\.po$",
        ~r"lib/xavos_web/router\.ex$",
        ~r"lib/xavos_web/(controllers|live|components)/.*\.(ex|heex)$"
      ]
    ]
end
