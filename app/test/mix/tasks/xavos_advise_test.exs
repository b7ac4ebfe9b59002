defmodule Mix.Tasks.Xavos.AdviseTest do
  use Xavos.DataCase, async: false

  import ExUnit.CaptureIO
  import Xavos.Factory

  alias Mix.Tasks.Xavos.Advise
  alias Xavos.Intelligence

  setup do
    level = Logger.level()
    on_exit(fn -> Logger.configure(level: level) end)
    other = work_item(priority: :low)
    work_item(priority: :critical, depends_on: [other.work_item_id])
    %{item: other}
  end

  test "prints advice and keeps it", %{item: item} do
    output = capture_io(fn -> Advise.run(["priority"]) end)
    assert output =~ "By rules, not by a model"
    assert output =~ "#{item.work_item_id}: low -> critical"
    assert output =~ "proposed; heuristic"
    assert [%{status: :proposed}] = Intelligence.list_advices!(authorize?: false)
  end

  test "prints JSON, and applies", %{item: item} do
    output = capture_io(fn -> Advise.run(["priority", "--json", "--apply"]) end)

    assert %{"status" => "applied", "source" => "heuristic", "suggestions" => [suggestion]} =
             Jason.decode!(output)

    assert %{"outcome" => "applied", "work_item_id" => name} = suggestion
    assert name == item.work_item_id
  end

  test "refuses what it does not understand" do
    for arguments <- [[], ["weather"], ["priority", "--loud"], ["priority", "assignment"]] do
      assert_raise Mix.Error, fn -> Advise.run(arguments) end
    end
  end
end
