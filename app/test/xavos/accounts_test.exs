defmodule Xavos.AccountsTest do
  use Xavos.DataCase, async: true

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.Accounts.User

  @password "correct horse battery"

  defp password, do: Info.strategy!(User, :password)

  defp register(email) do
    Strategy.action(password(), :register, %{
      "email" => email,
      "password" => @password,
      "password_confirmation" => @password
    })
  end

  test "who registers gets a token, and the password is not kept" do
    assert {:ok, user} = register("ada@example.org")
    assert is_binary(user.__metadata__.token)
    refute user.hashed_password =~ @password
  end

  test "who has registered can sign in, in capitals too" do
    {:ok, %{id: id}} = register("ada@example.org")
    credentials = %{"email" => "Ada@Example.org", "password" => @password}
    assert {:ok, %User{id: ^id}} = Strategy.action(password(), :sign_in, credentials)
  end

  test "a wrong password does not sign in" do
    {:ok, _user} = register("ada@example.org")
    credentials = %{"email" => "ada@example.org", "password" => "wrong horse"}
    assert {:error, _error} = Strategy.action(password(), :sign_in, credentials)
  end

  test "an address can be registered once" do
    {:ok, _user} = register("ada@example.org")
    assert {:error, _error} = register("ADA@example.org")
  end

  test "users cannot be read from outside" do
    {:ok, _user} = register("ada@example.org")
    assert {:error, %Ash.Error.Forbidden{}} = Ash.read(User)
  end
end
