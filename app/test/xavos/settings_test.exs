defmodule Xavos.SettingsTest do
  use ExUnit.Case, async: true

  import Xavos.ReadSettings

  alias Xavos.Settings
  alias Xavos.Settings.Value

  @password "p4ssword-canary"
  @env %{
    "DATABASE_URL" => "ecto://xavos:#{@password}@db.example.org:5433/xavos",
    "SECRET_KEY_BASE" => String.duplicate("k", 64),
    "TOKEN_SIGNING_SECRET" => String.duplicate("t", 32),
    "PHX_HOST" => "xavos.example.org"
  }

  describe "production" do
    test "what is required is enough" do
      assert {:ok, config} = Settings.read(@env, :prod)
      endpoint = setting(config, XavosWeb.Endpoint)
      assert endpoint[:url] == [scheme: "https", host: "xavos.example.org", port: 443]
      assert endpoint[:check_origin] == ["https://xavos.example.org:443"]
      assert endpoint[:http][:port] == 4001
      refute endpoint[:server]
      assert setting(config, Xavos.Repo)[:url] == @env["DATABASE_URL"]
      assert setting(config, :token_signing_secret) == @env["TOKEN_SIGNING_SECRET"]
    end

    for name <- Map.keys(@env) do
      test "a server without #{name} does not start, and says so in one sentence" do
        for env <- [Map.delete(@env, unquote(name)), Map.put(@env, unquote(name), " ")] do
          assert {:error, ["environment variable " <> rest]} = Settings.read(env, :prod)
          assert rest =~ ~r/\A#{unquote(name)} is missing: .+\.\z/
        end
      end
    end

    test "a command that serves nothing needs the database only" do
      database = Map.take(@env, ["DATABASE_URL"])
      assert {:ok, _config} = Settings.read(database, :prod, false)
      assert {:error, [sentence]} = Settings.read(%{}, :prod, false)
      assert sentence =~ "DATABASE_URL"
    end

    for {name, text, problem} <- [
          {"PORT", "http", "PORT=http is not a number from 1 to 65535"},
          {"PORT", "4001x", "PORT=4001x is not"},
          {"PORT", "0", "PORT=0 is not"},
          {"POOL_SIZE", "many", "POOL_SIZE=many is not a number"},
          {"ECTO_IPV6", "maybe", "ECTO_IPV6=maybe is neither true nor false"},
          {"PHX_SERVER", "on please", "PHX_SERVER=on please is neither"},
          {"PHX_HOST", "https://xavos.example.org",
           "PHX_HOST=https://xavos.example.org is not a host"},
          {"XAVOS_BIND", "everywhere", "XAVOS_BIND=everywhere is not an IP address"},
          {"XAVOS_ORIGINS", "xavos.example.org", "XAVOS_ORIGINS=xavos.example.org is not a list"},
          {"TRUSTED_PROXIES", "10.0.0.0/99", "TRUSTED_PROXIES=10.0.0.0/99 is not a list"},
          {"DRAIN_SECONDS", "-1", "DRAIN_SECONDS=-1 is not a number from 0 to 600"}
        ] do
      test "#{name}=#{text} is refused, and named" do
        assert {:error, [sentence]} =
                 Settings.read(Map.put(@env, unquote(name), unquote(text)), :prod)

        assert sentence =~ unquote(problem)
      end
    end

    test "a secret that is wrong is named and not shown" do
      wrong = %{
        @env
        | "DATABASE_URL" => "xavos:#{@password}@db/xavos",
          "SECRET_KEY_BASE" => @password,
          "TOKEN_SIGNING_SECRET" => @password
      }

      assert {:error, sentences} = Settings.read(wrong, :prod)
      text = Enum.join(sentences, "\n")
      for name <- Map.keys(Map.delete(@env, "PHX_HOST")), do: assert(text =~ name)
      refute text =~ @password
    end

    test "whoever listens elsewhere is reached elsewhere" do
      env =
        Map.merge(@env, %{
          "XAVOS_PUBLIC_SCHEME" => "http",
          "XAVOS_PUBLIC_PORT" => "8080",
          "PHX_SERVER" => "true"
        })

      assert {:ok, config} = Settings.read(env, :prod)
      endpoint = setting(config, XavosWeb.Endpoint)
      assert endpoint[:check_origin] == ["http://xavos.example.org:8080"]
      assert endpoint[:server]
    end

    test "no two groups give a variable two meanings" do
      for {name, variables} <- Enum.group_by(Settings.variables(), & &1.name) do
        assert [_one] = Enum.uniq_by(variables, &{&1.kind, &1.default}), name
      end
    end
  end

  test "a build reads none of it, whatever its environment is" do
    canary = "canary-of-the-build"
    names = for variable <- Settings.variables(), do: variable.name

    script = """
    Mix.start()
    Code.compile_file("mix.exs")
    "config/config.exs" |> Config.Reader.read!(env: :prod) |> inspect(limit: :infinity) |> IO.puts()
    """

    environment = [{"MIX_ENV", "prod"} | Enum.map(names, &{&1, canary})]
    {told, 0} = System.cmd("elixir", ["-e", script], env: environment, stderr_to_stdout: true)

    refute told =~ canary
    assert told =~ "cache_static_manifest"
  end

  describe "values" do
    test "networks are addresses with the length of their prefix" do
      assert {:ok,
              [{{10, 0, 0, 0}, 8}, {{192, 0, 2, 1}, 32}, {{0x2001, 0xDB8, 0, 0, 0, 0, 0, 0}, 32}]} =
               Value.parse(:networks, "10.0.0.0/8, 192.0.2.1 2001:db8::/32")
    end

    for url <- [
          "ecto://db/xavos",
          "postgres://u:p@db:5432/xavos?ssl=true",
          "postgresql://u@[::1]/xavos"
        ] do
      test "#{url} is where a database can be" do
        assert {:ok, unquote(url)} = Value.parse(:database_url, unquote(url))
      end
    end

    for url <- [
          "",
          "xavos",
          "http://db/xavos",
          "ecto:///xavos",
          "ecto://db",
          "ecto://db/",
          "ecto://db/a/b"
        ] do
      test "#{inspect(url)} is not" do
        assert {:error, _problem} = Value.parse(:database_url, unquote(url))
      end
    end
  end
end
