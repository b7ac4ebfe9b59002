defmodule Xavos.Accounts.CommandsTest do
  use Xavos.DataCase, async: false

  import ExUnit.CaptureIO
  import Xavos.AccountsFactory

  alias AshAuthentication.{Info, Strategy}
  alias Mix.Tasks.Xavos.{ApiKey, Operator}
  alias Xavos.Accounts
  alias Xavos.Accounts.User

  @system [authorize?: false]
  @address "ada@example.org"

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)
  end

  describe "mix xavos.operator" do
    test "makes an operator with a password that it makes up and tells once" do
      Operator.run([@address, "--generate"])
      assert %{role: :operator} = Accounts.get_user_by_email!(@address, @system)
      assert_received {:mix_shell, :info, ["ada@example.org is an operator."]}
      assert_received {:mix_shell, :info, ["Password: " <> password]}
      assert {:ok, _user} = sign_in(password)
    end

    test "makes an operator with a password that it is given" do
      capture_io("a long password\n", fn -> Operator.run([@address]) end)
      assert {:ok, %{role: :operator}} = sign_in("a long password")
    end

    test "refuses a password that is too short, and does not repeat it" do
      error =
        assert_raise Mix.Error, ~r/was not made: password .* 8$/, fn ->
          capture_io("short\n", fn -> Operator.run([@address]) end)
        end

      refute error.message =~ "short\n"
      assert {:error, _none} = Accounts.get_user_by_email(@address, @system)
    end

    test "makes an operator of a user, when it is told to" do
      viewer(@address)
      assert_raise Mix.Error, ~r/--promote/, fn -> Operator.run([@address, "--generate"]) end
      assert %{role: :viewer} = Accounts.get_user_by_email!(@address, @system)
      Operator.run([@address, "--promote"])
      assert %{role: :operator} = Accounts.get_user_by_email!(@address, @system)
    end

    test "promotes nobody whom there is not" do
      assert_raise Mix.Error, ~r/no user/, fn -> Operator.run([@address, "--promote"]) end
    end

    test "wants to know whom" do
      for arguments <- [[], ["a", "b"], [@address, "--frobnicate"]] do
        assert_raise Mix.Error, ~r/Say whom/, fn -> Operator.run(arguments) end
      end
    end
  end

  describe "mix xavos.api_key" do
    test "makes the account that there is not, and prints its key" do
      ApiKey.run(["swarm@agents.local", "--days", "7"])
      assert_received {:mix_shell, :info, ["xavos_" <> _ = key]}

      assert {:ok, %{role: :agent}} =
               User |> Info.strategy!(:api_key) |> Strategy.action(:sign_in, %{"api_key" => key})
    end

    test "lists keys, and revokes one" do
      %{id: id, user_id: user_id} = issued(agent_account(), name: "night shift")
      address = Accounts.get_user!(user_id, @system).email |> to_string()
      ApiKey.run([address, "--list"])
      assert_received {:mix_shell, :info, [line]}
      assert line =~ id and line =~ "night shift" and line =~ "valid until"

      ApiKey.run(["--revoke", id])
      ApiKey.run([address, "--list"])
      assert_received {:mix_shell, :info, ["Key " <> _]}
      assert_received {:mix_shell, :info, [line]}
      assert line =~ "not valid"
    end

    test "revokes no key that there is not" do
      assert_raise Mix.Error, ~r/no key/, fn -> ApiKey.run(["--revoke", Ash.UUID.generate()]) end
    end

    test "revokes no key of somebody else" do
      %{id: id, user_id: user_id} = issued(agent_account())
      other = to_string(agent_account().email)
      assert_raise Mix.Error, ~r/no key/, fn -> ApiKey.run([other, "--revoke", id]) end
      mine = Accounts.get_user!(user_id, @system).email |> to_string()
      ApiKey.run([mine, "--revoke", id])
      assert %{revoked_at: %DateTime{}} = Accounts.get_api_key!(id, @system)
    end

    test "makes no account whose name is no address" do
      assert_raise Mix.Error, ~r/was not made: email must match/, fn ->
        ApiKey.run(["not an address"])
      end
    end

    test "wants to know whose, and one thing at a time" do
      for arguments <- [
            [],
            ["a@b", "c@d"],
            ["a@b", "--frobnicate"],
            ["a@b", "--list", "--revoke", "1"],
            ["a@b", "--days", "1", "--list"]
          ] do
        assert_raise Mix.Error, ~r/Say whose/, fn -> ApiKey.run(arguments) end
      end

      assert {:error, _none} = Accounts.get_user_by_email("a@b", @system)
    end

    test "revokes nothing whose name is no key's" do
      assert_raise Mix.Error, ~r/no key/, fn -> ApiKey.run(["--revoke", "something"]) end
    end

    test "issues no key for too long" do
      assert_raise Mix.Error, ~r/No key was issued/, fn ->
        ApiKey.run(["swarm@agents.local", "--days", "1000"])
      end
    end
  end

  defp sign_in(password) do
    User
    |> Info.strategy!(:password)
    |> Strategy.action(:sign_in, %{"email" => @address, "password" => password})
  end
end
