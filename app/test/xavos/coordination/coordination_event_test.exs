defmodule Xavos.Coordination.CoordinationEventTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Ash.Resource.Info
  alias Xavos.Coordination
  alias Xavos.Coordination.CoordinationEvent
  alias Xavos.Repo

  test "what is done to an agent is recorded" do
    agent = agent(agent_id: "scout-1", name: "Scout")
    Coordination.update_agent!(agent, %{name: "Ranger"}, authorize?: false)
    Coordination.remove_agent!(agent, authorize?: false)

    assert [
             %{kind: "agent.register", subject_id: "scout-1", actor: "system"},
             %{kind: "agent.update", data: %{"name" => "Ranger"}},
             %{kind: "agent.destroy"}
           ] = events()
  end

  test "what is done to work and to teams is recorded" do
    item = work_item(work_item_id: "XAV-1")
    Coordination.update_work_item!(item, %{priority: :high}, authorize?: false)
    team(name: "rockets")

    assert [
             %{kind: "work_item.add", subject_type: "work_item", subject_id: "XAV-1"},
             %{kind: "work_item.update", data: %{"priority" => "high"}},
             %{kind: "team.create", subject_type: "team", subject_id: "rockets"}
           ] = events()
  end

  test "what was refused is not recorded" do
    assert {:error, _error} =
             Coordination.add_work_item(
               %{work_item_id: "W", description: "…", depends_on: ["nothing"]},
               authorize?: false
             )

    assert [] = events()
  end

  test "there is no action that changes an event" do
    assert [] =
             for(
               %{type: type} <- Info.actions(CoordinationEvent),
               type in [:update, :destroy],
               do: type
             )
  end

  test "the database refuses to change events or to delete them" do
    for statement <- [
          "UPDATE coordination_events SET actor = 'nobody'",
          "DELETE FROM coordination_events",
          "TRUNCATE coordination_events"
        ] do
      agent()

      assert {:error, %Postgrex.Error{postgres: %{code: :restrict_violation, message: message}}} =
               Repo.query(statement, [], mode: :savepoint)

      assert message =~ "only ever added to"
    end
  end

  test "the latest events come first" do
    for agent_id <- ~w(a b c), do: agent(agent_id: agent_id)

    assert ["c", "b", "a"] =
             Coordination.list_events!(authorize?: false, page: false)
             |> Enum.map(& &1.subject_id)
  end

  # In the order in which they happened.
  defp events, do: Coordination.list_events!(authorize?: false, page: false) |> Enum.reverse()
end
