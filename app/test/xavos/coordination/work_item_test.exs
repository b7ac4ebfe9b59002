defmodule Xavos.Coordination.WorkItemTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.WorkItem
  alias Xavos.Repo

  test "an item starts out pending, of medium priority, held by nobody" do
    assert %WorkItem{status: :pending, priority: :medium, progress: 0, agent_id: nil, result: nil} =
             work_item()
  end

  test "an item is found by its work_item_id" do
    %{id: id} = work_item(work_item_id: "XAV-1")

    assert {:ok, %WorkItem{id: ^id}} =
             Coordination.get_work_item_by_work_item_id("XAV-1", authorize?: false)
  end

  test "no two items have the same work_item_id" do
    work_item(work_item_id: "XAV-1")
    assert {:error, %Ash.Error.Invalid{} = error} = add(%{work_item_id: "XAV-1"})
    assert Exception.message(error) =~ "has already been taken"
  end

  test "a work_item_id has no blanks" do
    for work_item_id <- ["two words", "-1", "", nil] do
      assert {:error, %Ash.Error.Invalid{}} = add(%{work_item_id: work_item_id})
    end
  end

  test "an item says what is to be done" do
    assert {:error, %Ash.Error.Invalid{} = error} = add(%{description: nil})
    assert Exception.message(error) =~ "description"
  end

  test "an item can have every priority, and no other" do
    for priority <- WorkItem.priorities() do
      assert {:ok, %WorkItem{priority: ^priority}} = add(%{priority: priority})
    end

    assert {:error, %Ash.Error.Invalid{}} = add(%{priority: :urgent})
  end

  test "nobody writes an item's status, progress or holder while adding it" do
    for {name, value} <- [status: :completed, progress: 100, agent_id: agent().id] do
      assert {:error, %Ash.Error.Invalid{}} = add(%{name => value})
    end
  end

  test "an item can change its priority" do
    assert {:ok, %WorkItem{priority: :critical}} =
             Coordination.update_work_item(work_item(), %{priority: :critical}, authorize?: false)
  end

  describe "in the database" do
    test "progress is from 0 to 100" do
      for progress <- [-1, 101] do
        assert "work_items_progress_within_range" = refused(work_item(), "progress = #{progress}")
      end
    end

    test "a status is one that there is" do
      assert "work_items_status_known" = refused(work_item(), "status = 'lost'")
    end

    test "a priority is one that there is" do
      assert "work_items_priority_known" = refused(work_item(), "priority = 'urgent'")
    end

    test "what is claimed is held by an agent" do
      for status <- ~w(claimed in_progress blocked) do
        assert "work_items_held_by_an_agent" = refused(work_item(), "status = '#{status}'")
      end
    end

    test "what waits is held by nobody" do
      assert "work_items_pending_held_by_nobody" =
               refused(work_item(), "agent_id = '#{agent().id}'")
    end

    defp refused(item, change) do
      assert {:error, %Postgrex.Error{postgres: %{constraint: constraint}}} =
               Repo.query("UPDATE work_items SET #{change} WHERE id = $1", [
                 Ecto.UUID.dump!(item.id)
               ])

      constraint
    end
  end

  describe "dependencies" do
    test "an item waits for those that it names" do
      for name <- ~w(A B), do: work_item(work_item_id: name)
      item = work_item(depends_on: ["A", "B", "A"])
      assert ["A", "B"] = waits_for(item)
    end

    test "an item cannot wait for one that there is not" do
      work_item(work_item_id: "A")
      assert {:error, %Ash.Error.Invalid{} = error} = add(%{depends_on: ["A", "B", "C"]})
      assert Exception.message(error) =~ ~s(there is no work item "B, C")
    end

    test "an item whose dependencies are wrong is not added" do
      assert {:error, _error} = add(%{work_item_id: "XAV-1", depends_on: ["B"]})

      assert {:error, _not_found} =
               Coordination.get_work_item_by_work_item_id("XAV-1", authorize?: false)
    end

    test "items do not wait for each other in a circle" do
      a = work_item()
      b = work_item(depends_on: [a.work_item_id])
      c = work_item(depends_on: [b.work_item_id])

      for other <- [a, b, c] do
        assert {:error, %Ash.Error.Invalid{} = error} =
                 Coordination.add_dependency(a.id, other.id, authorize?: false)

        assert Exception.message(error) =~ "would lead back to itself"
      end
    end

    test "adding a dependency twice changes nothing" do
      a = work_item()
      b = work_item(depends_on: [a.work_item_id])
      assert {:ok, _same} = Coordination.add_dependency(b.id, a.id, authorize?: false)
      assert [_one] = Coordination.list_dependencies!(authorize?: false)
    end

    test "what others wait for stays; what waits can go" do
      a = work_item()
      b = work_item(depends_on: [a.work_item_id])
      assert {:error, %Ash.Error.Invalid{}} = Coordination.remove_work_item(a, authorize?: false)
      assert :ok = Coordination.remove_work_item(b, authorize?: false)
      assert :ok = Coordination.remove_work_item(a, authorize?: false)
    end

    defp waits_for(item) do
      item
      |> Ash.load!(:depends_on, authorize?: false)
      |> Map.fetch!(:depends_on)
      |> Enum.map(& &1.work_item_id)
      |> Enum.sort()
    end
  end

  defp add(attributes) do
    %{work_item_id: unique("W"), description: "Something to do"}
    |> Map.merge(attributes)
    |> Coordination.add_work_item(authorize?: false)
  end
end
