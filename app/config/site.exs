# What differs between one site and another. It is read from the environment, and from `.env` beside
# mix.exs where the environment is silent, on every start: nothing of it is compiled in.
#
#     PORT                 where the server listens (4001)
#     XAVOS_BIND           the address it listens on (127.0.0.1)
#     DATABASE_URL         ecto://USER:PASSWORD@HOST:PORT/DATABASE
#     TEST_DATABASE_URL    the same for `mix test`
#     XAVOS_POOL_SIZE      connections to the database (10)
#     SECRET_KEY_BASE      signs sessions, at least 64 characters
#     TOKEN_SIGNING_SECRET signs the tokens of signed-in users
#     XAVOS_WATCH          1 rebuilds assets whenever their sources change
#
# Of production nothing is read here: this file is read while a release is built (config/runtime.exs).
import Config

dotenv = Path.expand("../.env", __DIR__)

if config_env() != :prod and File.regular?(dotenv) do
  for line <- File.stream!(dotenv),
      [name, value] <- [String.split(String.trim(line), "=", parts: 2)],
      not String.starts_with?(name, "#"),
      System.get_env(name, "") == "",
      do: System.put_env(name, value |> String.trim("\"") |> String.trim("'"))
end

setting = fn name, default ->
  if (value = System.get_env(name, "")) == "", do: default, else: value
end

required = fn name, example ->
  setting.(name, nil) ||
    raise """
    environment variable #{name} is missing (#{config_env()}).
    Set it, or write it into #{dotenv}, for example:

        #{name}=#{example}
    """
end

number = fn name, default, range ->
  case Integer.parse(setting.(name, default)) do
    {value, ""} ->
      if value in range,
        do: value,
        else: raise("#{name}=#{value} is not within #{inspect(range)}")

    _ ->
      raise("#{name}=#{setting.(name, default)} is not a number")
  end
end

address = fn name, default ->
  case :inet.parse_address(String.to_charlist(setting.(name, default))) do
    {:ok, ip} -> ip
    {:error, _} -> raise("#{name}=#{setting.(name, default)} is not an IP address")
  end
end

# The runtime.exs that phx.new generates reads PORT as well, with a default of its own.
if config_env() != :prod,
  do: System.put_env("PORT", to_string(number.("PORT", "4001", 1..65_535)))

case config_env() do
  :test ->
    config :xavos, Xavos.Repo,
      url: required.("TEST_DATABASE_URL", "ecto://xavos:PASSWORD@127.0.0.1:5432/xavos_test")

    config :xavos, :token_signing_secret, String.duplicate("only-for-tests-", 5)

  :dev ->
    secret_key_base = required.("SECRET_KEY_BASE", "the output of `mix phx.gen.secret`")

    if byte_size(secret_key_base) < 64,
      do:
        raise(
          "SECRET_KEY_BASE has #{byte_size(secret_key_base)} characters, it needs at least 64"
        )

    config :xavos, Xavos.Repo,
      url: required.("DATABASE_URL", "ecto://xavos:PASSWORD@127.0.0.1:5432/xavos_dev"),
      pool_size: number.("XAVOS_POOL_SIZE", "10", 1..1000),
      # config/dev.exs would have the password in the log whenever the database is away.
      show_sensitive_data_on_connection_error: false

    config :xavos, XavosWeb.Endpoint,
      http: [ip: address.("XAVOS_BIND", "127.0.0.1"), port: number.("PORT", "4001", 1..65_535)],
      secret_key_base: secret_key_base

    config :xavos,
           :token_signing_secret,
           required.("TOKEN_SIGNING_SECRET", "the output of `mix phx.gen.secret`")

    # `nil` and not `[]`: keyword lists are merged, an empty one changes nothing.
    unless setting.("XAVOS_WATCH", "0") in ~w(1 true),
      do: config(:xavos, XavosWeb.Endpoint, watchers: nil)

  :prod ->
    :ok
end
