defmodule Xavos.Coordination.AgentTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.Agent
  alias Xavos.Repo

  test "an agent starts out registering, with nothing to do and room for one item" do
    assert %Agent{status: :registering, workload: 0, capacity: 1, last_heartbeat_at: nil} =
             agent()
  end

  test "an agent is found by its agent_id" do
    %{id: id} = agent(agent_id: "scout-1")

    assert {:ok, %Agent{id: ^id}} =
             Coordination.get_agent_by_agent_id("scout-1", authorize?: false)
  end

  test "an agent that nobody registered is not found" do
    assert {:error, %Ash.Error.Invalid{}} =
             Coordination.get_agent_by_agent_id("nobody", authorize?: false)
  end

  test "no two agents have the same agent_id" do
    agent(agent_id: "scout-1")
    assert {:error, %Ash.Error.Invalid{} = error} = register(%{agent_id: "scout-1"})
    assert Exception.message(error) =~ "has already been taken"
  end

  test "an agent_id has no blanks and no capitals" do
    for agent_id <- ["two words", "Scout", "-scout", "", String.duplicate("a", 101)] do
      assert {:error, %Ash.Error.Invalid{}} = register(%{agent_id: agent_id})
    end
  end

  test "an agent needs a name" do
    assert {:error, %Ash.Error.Invalid{} = error} = register(%{name: nil})
    assert Exception.message(error) =~ "name"
  end

  test "a capacity is from 1 to 100" do
    for capacity <- [0, 101, -1] do
      assert {:error, %Ash.Error.Invalid{} = error} = register(%{capacity: capacity})
      assert Exception.message(error) =~ "capacity"
    end
  end

  test "nobody writes an agent's workload, status or heartbeat while registering it" do
    for name <- [:workload, :status, :last_heartbeat_at] do
      assert {:error, %Ash.Error.Invalid{}} = register(%{name => nil})
    end
  end

  test "the database holds the workload within the capacity" do
    agent = agent(capacity: 2)

    for workload <- [-1, 3] do
      assert {:error, %Postgrex.Error{postgres: %{constraint: "agents_workload_within_capacity"}}} =
               Repo.query("UPDATE agents SET workload = $1 WHERE id = $2", [
                 workload,
                 Ecto.UUID.dump!(agent.id)
               ])
    end
  end

  test "an agent belongs to a team that there is" do
    assert {:error, %Ash.Error.Invalid{}} = register(%{team_id: Ash.UUID.generate()})
    assert {:ok, %Agent{}} = register(%{team_id: team().id})
  end

  test "agents are listed by agent_id" do
    for agent_id <- ~w(b-2 a-1 c-3), do: agent(agent_id: agent_id)

    assert ["a-1", "b-2", "c-3"] =
             Enum.map(Coordination.list_agents!(authorize?: false), & &1.agent_id)
  end

  test "what an agent is called can change, its agent_id cannot" do
    agent = agent(agent_id: "scout-1")

    assert {:ok, %Agent{name: "Ranger", specialization: "elixir"}} =
             Coordination.update_agent(agent, %{name: "Ranger", specialization: "elixir"},
               authorize?: false
             )

    assert {:error, %Ash.Error.Invalid{}} =
             Coordination.update_agent(agent, %{agent_id: "scout-2"}, authorize?: false)
  end

  test "a removed agent is gone" do
    agent = agent()
    assert :ok = Coordination.remove_agent(agent, authorize?: false)
    assert [] = Coordination.list_agents!(authorize?: false)
  end

  defp register(attributes) do
    %{agent_id: unique("agent"), name: "Scout"}
    |> Map.merge(attributes)
    |> Coordination.register_agent(authorize?: false)
  end
end
