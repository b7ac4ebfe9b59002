defmodule Xavos.Accounts.UsersTest do
  use Xavos.DataCase, async: true

  import Swoosh.TestAssertions
  import Xavos.AccountsFactory

  alias AshAuthentication.{Info, Strategy}
  alias Xavos.Accounts
  alias Xavos.Accounts.User

  @system [authorize?: false]

  test "who registers is a viewer" do
    assert %{role: :viewer} = viewer()
  end

  test "nobody makes themselves an operator by registering" do
    attributes = %{
      "email" => "eve@example.org",
      "password" => password(),
      "password_confirmation" => password(),
      "role" => "operator"
    }

    case User |> Info.strategy!(:password) |> Strategy.action(:register, attributes) do
      {:ok, user} -> assert %{role: :viewer} = user
      {:error, _refused} -> :ok
    end
  end

  test "an operator gives roles" do
    assert {:ok, %{role: :operator}} = Accounts.set_role(viewer(), :operator, actor: operator())
  end

  test "there is no role that there is not" do
    assert {:error, %Ash.Error.Invalid{}} = Accounts.set_role(viewer(), :owner, @system)
  end

  test "the last operator stays one" do
    operator = operator()
    assert {:error, %Ash.Error.Invalid{} = error} = Accounts.set_role(operator, :viewer, @system)
    assert Exception.message(error) =~ "last operator"
    operator()
    assert {:ok, %{role: :viewer}} = Accounts.set_role(operator, :viewer, @system)
  end

  test "an account of agents has no password, and nobody signs in to it by one" do
    account = agent_account()
    assert %{role: :agent, hashed_password: nil} = account

    assert {:error, _error} =
             User
             |> Info.strategy!(:password)
             |> Strategy.action(:sign_in, %{"email" => account.email, "password" => ""})
  end

  describe "a magic link" do
    test "is mailed to a user, and signs in once" do
      user = viewer()
      :ok = request(to_string(user.email))
      token = mailed_token()

      assert {:ok, %{id: id}} = use_link(token)
      assert id == user.id
      assert {:error, _used_up} = use_link(token)
    end

    test "is mailed to nobody who is no user, and nobody is told" do
      assert :ok = request("nobody@example.org")
      assert_no_email_sent()
    end

    test "that somebody has made up lets nobody in" do
      assert {:error, _error} = use_link("not-a-token")
    end

    defp request(address),
      do: User |> Info.strategy!(:magic_link) |> Strategy.action(:request, %{"email" => address})

    defp use_link(token),
      do: User |> Info.strategy!(:magic_link) |> Strategy.action(:sign_in, %{"token" => token})

    defp mailed_token do
      assert_email_sent(fn email ->
        [_, token] = Regex.run(~r{/magic_link\?token=(\S+)}, email.text_body)
        send(self(), {:token, token})
        true
      end)

      assert_received {:token, token}
      token
    end
  end

  describe "an API key" do
    test "lets in as its user" do
      account = agent_account()
      assert {:ok, %{id: id, __metadata__: %{using_api_key?: true}}} = enter(api_key(account))
      assert id == account.id
    end

    test "is kept as a hash only" do
      key = issued(agent_account())
      plain = key.__metadata__.plaintext_api_key
      assert plain =~ ~r/\Axavos_/
      %{rows: [[row]]} = Xavos.Repo.query!("SELECT api_keys::text FROM api_keys")
      refute row =~ plain
      assert byte_size(key.api_key_hash) == 32
    end

    test "is shown once" do
      key = issued(agent_account())
      refute Map.has_key?(Accounts.get_api_key!(key.id, @system).__metadata__, :plaintext_api_key)
    end

    test "lets nobody in when it is revoked" do
      key = issued(agent_account())
      Accounts.revoke_api_key!(key, @system)
      assert {:error, _error} = enter(key.__metadata__.plaintext_api_key)
    end

    test "lets nobody in when it has expired" do
      key = issued(agent_account())
      Xavos.Repo.query!("UPDATE api_keys SET expires_at = now() - interval '1 second'")
      assert {:error, _error} = enter(key.__metadata__.plaintext_api_key)
    end

    test "that somebody has made up lets nobody in" do
      for key <- ["xavos", "xavos_1_2", api_key(agent_account()) <> "x"] do
        assert {:error, _error} = enter(key)
      end
    end

    test "expires after 90 days, or as many as were asked for, up to a year" do
      assert_in_delta days(issued(agent_account())), 90, 1
      assert_in_delta days(issued(agent_account(), days: 7)), 7, 1

      for days <- [0, 367] do
        assert {:error, %Ash.Error.Invalid{}} =
                 Accounts.issue_api_key(
                   %{name: "x", user_id: agent_account().id, days: days},
                   @system
                 )
      end
    end

    test "goes with its user" do
      account = agent_account()
      issued(account)
      Xavos.Repo.query!("DELETE FROM users")
      assert [] = Accounts.list_api_keys!(@system)
    end

    test "that is revoked twice was revoked the first time" do
      key = Accounts.revoke_api_key!(issued(agent_account()), @system)
      assert Accounts.revoke_api_key!(key, @system).revoked_at == key.revoked_at
    end

    defp enter(key),
      do: User |> Info.strategy!(:api_key) |> Strategy.action(:sign_in, %{"api_key" => key})

    defp days(key), do: DateTime.diff(key.expires_at, DateTime.utc_now(), :day)
  end
end
