defmodule Xavos.CoordinationTest do
  use Xavos.DataCase, async: true

  alias Xavos.Coordination
  alias Xavos.Coordination.Agent

  defp register(attributes \\ %{}) do
    Coordination.register_agent(Map.merge(%{agent_id: "scout-1", name: "Scout"}, attributes))
  end

  test "an agent starts out registering" do
    assert {:ok, %Agent{agent_id: "scout-1", name: "Scout", status: :registering}} = register()
  end

  test "an agent is found by its agent_id" do
    {:ok, %{id: id}} = register()
    assert {:ok, %Agent{id: ^id}} = Coordination.get_agent_by_agent_id("scout-1")
  end

  test "an agent that nobody registered is not found" do
    assert {:error, %Ash.Error.Invalid{}} = Coordination.get_agent_by_agent_id("nobody")
  end

  test "no two agents have the same agent_id" do
    {:ok, _agent} = register()
    assert {:error, %Ash.Error.Invalid{} = error} = register(%{name: "Another"})
    assert Exception.message(error) =~ "has already been taken"
  end

  test "an agent_id has no blanks and no capitals" do
    for agent_id <- ["two words", "Scout", "-scout", ""] do
      assert {:error, %Ash.Error.Invalid{}} = register(%{agent_id: agent_id})
    end
  end

  test "an agent needs a name" do
    assert {:error, %Ash.Error.Invalid{} = error} = register(%{name: nil})
    assert Exception.message(error) =~ "name"
  end

  test "an agent can have every status of its life, and no other" do
    {:ok, agent} = register()

    for status <- [:registering, :active, :busy, :idle, :maintenance, :offline] do
      assert {:ok, %Agent{status: ^status}} = Coordination.set_agent_status(agent, status)
    end

    assert {:error, %Ash.Error.Invalid{}} = Coordination.set_agent_status(agent, :asleep)
  end

  test "agents are listed by agent_id" do
    for agent_id <- ~w(b-2 a-1 c-3), do: {:ok, _agent} = register(%{agent_id: agent_id})
    assert {:ok, agents} = Coordination.list_agents()
    assert ["a-1", "b-2", "c-3"] = Enum.map(agents, & &1.agent_id)
  end

  test "a removed agent is gone" do
    {:ok, agent} = register()
    assert :ok = Coordination.remove_agent(agent)
    assert {:ok, []} = Coordination.list_agents()
  end
end
