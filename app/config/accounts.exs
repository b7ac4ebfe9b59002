# Who gets in. How often they may try, and who mails come from, is read when a server starts
# (`Xavos.Settings.Accounts`). In development:
#
#     XAVOS_ORIGINS              whose pages may be live, such as https://xavos.example.org, behind a proxy (the address
#                                that was asked for)
#     XAVOS_LOG_LEVEL            debug shows secrets; in development only (info)
import Config

config :ash_authentication, return_error_on_invalid_magic_link_token?: true

# Never in a log. Below `info` a live page logs its session, with the token by which one is signed in, and the database
# what it is given, with the hashes of passwords: that is filtered by nobody.
config :phoenix, :filter_parameters, ["password", "token", "api_key", "secret", "authorization"]

if config_env() == :dev do
  # What phx.new turns on for whoever writes the application is not for whoever runs it: pages that show its source where
  # something went wrong, sockets for everybody's pages, and the log to every browser.
  origins =
    case System.get_env("XAVOS_ORIGINS", "") do
      "" -> :conn
      named -> String.split(named, [",", " "], trim: true)
    end

  config :xavos, XavosWeb.Endpoint,
    debug_errors: false,
    check_origin: origins,
    code_reloader: System.get_env("XAVOS_WATCH", "0") in ~w(1 true)

  case System.get_env("XAVOS_LOG_LEVEL", "info") do
    "" ->
      config :logger, level: :info

    level when level in ~w(debug info warning error) ->
      config :logger, level: String.to_atom(level)

    level ->
      raise("XAVOS_LOG_LEVEL=#{level} is none of debug, info, warning, error")
  end
end

# Tests of the limits set their own.
if config_env() == :test,
  do:
    config(:xavos, [
      {Xavos.RateLimit, per_address: 10_000, per_client: 10_000},
      mail_from: "xavos@localhost"
    ])
