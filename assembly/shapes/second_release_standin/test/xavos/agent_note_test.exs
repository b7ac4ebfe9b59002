defmodule Xavos.AgentNoteTest do
  use Xavos.DataCase, async: true

  alias Xavos.Coordination

  test "an agent may have a note, and need not" do
    for note <- [nil, "on night shift"] do
      agent_id = "noted-#{System.unique_integer([:positive])}"

      {:ok, _agent} =
        Coordination.register_agent(%{agent_id: agent_id, name: "Noted", note: note})

      assert {:ok, %{note: ^note}} = Coordination.get_agent_by_agent_id(agent_id)
    end
  end
end
