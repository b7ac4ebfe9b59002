defmodule Mix.Tasks.Xavos.WorkTest do
  use Xavos.DataCase, async: false

  import ExUnit.CaptureIO
  import Xavos.Factory

  alias Mix.Tasks.Xavos.Work
  alias Xavos.Coordination

  @system [authorize?: false]

  setup do
    level = Logger.level()
    on_exit(fn -> Logger.configure(level: level) end)
  end

  defp output(arguments), do: capture_io(fn -> Work.run(arguments) end)

  test "where there is none, it says so" do
    assert output([]) =~ "There is no work to do."
  end

  test "lists what is not finished, the first first" do
    late = work_item(description: "Two\nlines")
    soon = work_item(priority: :critical)
    Coordination.cancel_work_item!(work_item(), @system)
    assert [first, second] = String.split(output(["list"]), "\n", trim: true)
    assert first == "#{soon.work_item_id}\tpending\tcritical\t-\tSomething to do"
    assert second == "#{late.work_item_id}\tpending\tmedium\t-\tTwo lines"
    assert output(["--limit", "1"]) =~ "and 1 more"
  end

  test "adds" do
    team = team()
    before = work_item()
    options = ["--priority", "high", "--team", team.name, "--waits-for", before.work_item_id]
    assert output(["add", "NEW-1", "Something new" | options]) =~ "NEW-1 is added."

    item =
      Coordination.get_work_item_by_work_item_id!("NEW-1", load: [:depends_on], authorize?: false)

    assert %{priority: :high, team_id: team_id, depends_on: [_]} = item
    assert team_id == team.id
  end

  test "refuses what cannot be" do
    work_item(work_item_id: "OLD-1")

    for arguments <- [
          ["add"],
          ["add", "X"],
          ["add", "OLD-1", "Again"],
          ["add", "X", "D", "--priority", "urgent"],
          ["add", "X", "D", "--team", "nobody"],
          ["add", "X", "D", "--waits-for", "NO-SUCH"],
          ["--loud"],
          ["--limit", "0"]
        ] do
      assert_raise Mix.Error, fn -> Work.run(arguments) end
    end
  end
end
