defmodule Xavos.AccountsFactory do
  @moduledoc "Users of every role for tests, and keys."

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.Accounts
  alias Xavos.Accounts.User
  alias Xavos.Factory

  @password "correct horse battery"
  @system [authorize?: false]

  @doc "The password of every user that is made here."
  def password, do: @password

  @doc "Somebody who may do everything."
  def operator, do: Accounts.set_role!(viewer(), :operator, @system)

  @doc "Somebody who has registered, and sees everything."
  def viewer(address \\ nil) do
    {:ok, user} =
      User
      |> Info.strategy!(:password)
      |> Strategy.action(:register, %{
        "email" => address || "#{Factory.unique("user")}@example.org",
        "password" => @password,
        "password_confirmation" => @password
      })

    user
  end

  @doc "An account of agents."
  def agent_account do
    Accounts.create_service_account!(%{email: "#{Factory.unique("swarm")}@agents.local"}, @system)
  end

  @doc "A key that lets in as `user`, in plain text."
  def api_key(user), do: issued(user).__metadata__.plaintext_api_key

  @doc "The same as a record."
  def issued(user, attributes \\ %{}) do
    %{name: "test", user_id: user.id}
    |> Map.merge(Map.new(attributes))
    |> Accounts.issue_api_key!(@system)
  end
end
