defmodule Xavos.Coordination.TeamTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination

  test "a team is found by its name" do
    %{id: id} = team(name: "rockets", title: "The Rockets")

    assert {:ok, %{id: ^id, title: "The Rockets", weight: 0}} =
             Coordination.get_team_by_name("rockets", authorize?: false)
  end

  test "no two teams have the same name" do
    team(name: "rockets")

    assert {:error, %Ash.Error.Invalid{} = error} =
             Coordination.create_team(%{name: "rockets"}, authorize?: false)

    assert Exception.message(error) =~ "has already been taken"
  end

  test "a name has no blanks and no capitals" do
    for name <- ["two words", "Rockets", "-rockets", ""] do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.create_team(%{name: name}, authorize?: false)
    end
  end

  test "a weight is from 0 to 100" do
    for weight <- [-1, 101] do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.create_team(%{name: "t", weight: weight}, authorize?: false)
    end
  end

  test "teams are listed by name" do
    for name <- ~w(b a c), do: team(name: name)
    assert ["a", "b", "c"] = Enum.map(Coordination.list_teams!(authorize?: false), & &1.name)
  end

  test "a scrum of scrums has teams" do
    scrum = team(name: "scrum")
    for name <- ~w(one two), do: team(name: name, parent_id: scrum.id)

    assert ["one", "two"] =
             scrum
             |> Ash.load!(:teams, authorize?: false)
             |> Map.fetch!(:teams)
             |> Enum.map(& &1.name)
             |> Enum.sort()
  end

  test "teams do not go in a circle" do
    a = team()
    b = team(parent_id: a.id)
    c = team(parent_id: b.id)

    for parent <- [a, b, c] do
      assert {:error, %Ash.Error.Invalid{} = error} =
               Coordination.update_team(a, %{parent_id: parent.id}, authorize?: false)

      assert Exception.message(error) =~ "would lead back to itself"
    end
  end

  test "a team that others belong to stays" do
    scrum = team()
    one = team(parent_id: scrum.id)
    assert {:error, %Ash.Error.Invalid{}} = Coordination.remove_team(scrum, authorize?: false)
    assert :ok = Coordination.remove_team(one, authorize?: false)
    assert :ok = Coordination.remove_team(scrum, authorize?: false)
  end

  test "agents and work outlive their team" do
    team = team()
    agent = agent(team_id: team.id)
    item = work_item(team_id: team.id)
    assert :ok = Coordination.remove_team(team, authorize?: false)
    assert %{team_id: nil} = Coordination.get_agent!(agent.id, authorize?: false)
    assert %{team_id: nil} = Coordination.get_work_item!(item.id, authorize?: false)
  end
end
