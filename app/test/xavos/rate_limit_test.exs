defmodule Xavos.RateLimitTest do
  # The limits are of the whole application.
  use Xavos.DataCase, async: false

  import Xavos.AccountsFactory

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.Accounts.User
  alias Xavos.{Factory, RateLimit}

  setup do
    before = Application.fetch_env!(:xavos, RateLimit)
    Application.put_env(:xavos, RateLimit, per_address: 2, per_client: 2)
    on_exit(fn -> Application.put_env(:xavos, RateLimit, before) end)
    %{address: "#{Factory.unique("user")}@example.org"}
  end

  test "so many tries a minute, and then how long to wait", %{address: address} do
    for _ <- 1..2, do: assert(:ok = RateLimit.sign_in(address, :password))
    assert {:error, seconds} = RateLimit.sign_in(address, :password)
    assert seconds in 1..60
  end

  test "an address is the same however it is written", %{address: address} do
    for way <- [address, " #{address} "],
        do: assert(:ok = RateLimit.sign_in(way, :password))

    assert {:error, _seconds} = RateLimit.sign_in(String.upcase(address), :password)
  end

  test "addresses, ways and machines are counted each on its own", %{address: address} do
    for _ <- 1..3, do: RateLimit.sign_in(address, :password)
    assert :ok = RateLimit.sign_in("other-#{address}", :password)
    assert :ok = RateLimit.sign_in(address, :magic_link)

    [one, other] = for _ <- 1..2, do: {203, 0, 113, rem(System.unique_integer([:positive]), 250)}
    for _ <- 1..3, do: RateLimit.request(one)
    assert {:error, _seconds} = RateLimit.request(one)
    assert :ok = RateLimit.request(other)
    assert :ok = RateLimit.request({0x2001, 0xDB8, 0, 0, 0, 0, 0, 1})
  end

  test "guesses at a password are counted however the address is written" do
    address = to_string(viewer().email)

    for way <- [" #{address} ", String.upcase(address)],
        do: assert({:error, _} = sign_in(way, "wrong"))

    assert {:error, _error} = sign_in(address, password())
    RateLimit.set("password:#{address}", :timer.minutes(1), 0)
    assert {:ok, _user} = sign_in(address, password())
  end

  test "guesses at an address that nobody has are counted as well", %{address: address} do
    for _ <- 1..2, do: assert({:error, _} = sign_in(address, "wrong"))
    assert {:error, _seconds} = RateLimit.sign_in(address, :password)
  end

  defp sign_in(address, password) do
    User
    |> Info.strategy!(:password)
    |> Strategy.action(:sign_in, %{"email" => address, "password" => password})
  end
end
