defmodule Xavos.Coordination.HistoryTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, WorkItem}

  @system [authorize?: false]

  test "each change of an item makes a version with what changed, and by what" do
    item =
      work_item()
      |> Coordination.assign_work_item!(agent().id, @system)
      |> Coordination.complete_work_item!(%{"ok" => true}, @system)

    assert [
             %{version_action_name: :add},
             %{version_action_name: :assign, changes: %{"status" => "claimed"}},
             %{
               version_action_name: :complete,
               changes: %{"status" => "completed", "progress" => 100}
             }
           ] = versions(WorkItem.Version, item)
  end

  test "an agent's workload and heartbeat make none" do
    agent = agent()
    item = Coordination.assign_work_item!(work_item(), agent.id, @system)
    Coordination.heartbeat!(agent, @system)
    Coordination.complete_work_item!(item, %{}, @system)
    assert [%{version_action_name: :register}] = versions(Agent.Version, agent)
  end

  test "versions outlive what they are versions of" do
    agent = agent()
    Coordination.remove_agent!(agent, @system)
    assert [_register | _] = versions(Agent.Version, agent)
  end

  test "nobody who is not signed in reads versions, and nobody writes them" do
    agent()
    assert {:error, %Ash.Error.Forbidden{}} = Ash.read(Agent.Version)

    refute Ash.can?({Agent.Version, :create}, nil)
  end

  defp versions(resource, record) do
    resource
    |> Ash.read!(@system)
    |> Enum.filter(&(&1.version_source_id == record.id))
    |> Enum.sort_by(& &1.id)
  end
end
