defmodule Xavos.Settings.Server do
  @moduledoc """
  How a production server is reached, whom it trusts, and how it ends. In development config/site.exs says it.

  TLS ends at a proxy. `PHX_HOST` with `XAVOS_PUBLIC_SCHEME` and `XAVOS_PUBLIC_PORT` is the address that people use:
  links carry it, and live pages are accepted from it.
  """
  @behaviour Xavos.Settings

  import Xavos.Settings.Variable, only: [new: 4, new: 5]

  # Of 127.0.0.1 and ::1 nobody else can send.
  @this_machine [{{127, 0, 0, 0}, 8}, {{0, 0, 0, 0, 0, 0, 0, 1}, 128}]

  @impl true
  def variables(:prod) do
    [
      new(:serve?, "PHX_SERVER", :boolean, "true: requests are served", default: false),
      new(
        :secret_key_base,
        "SECRET_KEY_BASE",
        {:secret, 64},
        "it signs sessions; `mix phx.gen.secret` makes one",
        required: :server
      ),
      new(
        :token_signing_secret,
        "TOKEN_SIGNING_SECRET",
        {:secret, 32},
        "it signs the tokens of users; `mix phx.gen.secret` makes one",
        required: :server
      ),
      new(
        :host,
        "PHX_HOST",
        :host,
        "it is the name that people reach XAVOS by, such as xavos.example.org",
        required: :server
      ),
      new(
        :scheme,
        "XAVOS_PUBLIC_SCHEME",
        {:one_of, ~w(https http)},
        "of the address that people use",
        default: "https"
      ),
      new(
        :public_port,
        "XAVOS_PUBLIC_PORT",
        {:integer, 1..65_535},
        "of the address that people use; 443 for https, 80 for http"
      ),
      new(:origins, "XAVOS_ORIGINS", :origins, "further origins whose pages may be live",
        default: []
      ),
      new(:port, "PORT", {:integer, 1..65_535}, "where the server listens", default: 4001),
      new(:ip, "XAVOS_BIND", :address, "the address it listens on", default: {0, 0, 0, 0}),
      new(
        :proxies,
        "TRUSTED_PROXIES",
        :networks,
        "proxies whose x-forwarded-for is believed, beside this machine",
        default: []
      ),
      new(
        :drain_seconds,
        "DRAIN_SECONDS",
        {:integer, 0..600},
        "after SIGTERM: how long it is not ready and still serves",
        default: 5
      ),
      new(
        :shutdown_seconds,
        "SHUTDOWN_SECONDS",
        {:integer, 1..600},
        "then: how long requests, and after them jobs, may take to end",
        default: 15
      ),
      new(
        :log_level,
        "XAVOS_LOG_LEVEL",
        {:one_of, ~w(info notice warning error)},
        "what is logged",
        default: "info"
      )
    ]
  end

  def variables(_environment), do: []

  @impl true
  def config(values) do
    [
      logger: [level: String.to_existing_atom(values.log_level)],
      xavos: [
        {XavosWeb.Endpoint, endpoint(values)},
        {XavosWeb.ClientAddress, proxies: @this_machine ++ values.proxies},
        {Xavos.Draining, seconds: values.drain_seconds},
        token_signing_secret: values.token_signing_secret
      ]
    ]
  end

  defp endpoint(values) do
    scheme = values.scheme
    # A command that serves nothing may do without a host, and links to nowhere.
    host = values.host || "localhost"
    port = values.public_port || if(scheme == "https", do: 443, else: 80)

    [
      server: values.serve?,
      url: [scheme: scheme, host: host, port: port],
      check_origin: ["#{scheme}://#{host}:#{port}" | values.origins],
      secret_key_base: values.secret_key_base,
      http: [
        ip: values.ip,
        port: values.port,
        thousand_island_options: [shutdown_timeout: values.shutdown_seconds * 1_000]
      ]
    ]
  end
end
