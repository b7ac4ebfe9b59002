defmodule Xavos.LogTest do
  # Sets the environment of the operating system.
  use ExUnit.Case, async: false

  @configuration "config/accounts.exs"
  @name "XAVOS_LOG_LEVEL"

  setup do
    before = System.get_env(@name)
    System.delete_env(@name)

    on_exit(fn ->
      if before, do: System.put_env(@name, before), else: System.delete_env(@name)
    end)
  end

  # A live page logs its session, and the database its parameters, at the level `debug`.
  test "development keeps to itself what would let somebody in" do
    assert :info = level(:dev)
  end

  test "whoever asks for it sees all" do
    System.put_env(@name, "debug")
    assert :debug = level(:dev)
  end

  test "a level that there is not is refused, and named" do
    System.put_env(@name, "loud")
    assert_raise RuntimeError, ~r/XAVOS_LOG_LEVEL=loud/, fn -> level(:dev) end
  end

  test "other environments have levels of their own" do
    for environment <- [:test, :prod], do: refute(level(environment))
  end

  for name <- ~w(password password_confirmation token api_key _csrf_token secret authorization) do
    test "#{name} is filtered wherever it is among parameters" do
      filters = Application.fetch_env!(:phoenix, :filter_parameters)
      given = %{"user" => %{unquote(name) => "s3cret"}, "email" => "ada@example.org"}
      shown = given |> Phoenix.Logger.filter_values(filters) |> inspect()
      refute shown =~ "s3cret"
      assert shown =~ "ada@example.org"
    end
  end

  defp level(environment) do
    @configuration |> Config.Reader.read!(env: environment) |> get_in([:logger, :level])
  end
end
