defmodule Mix.Tasks.Xavos.SwarmTest do
  # Not async: Mix has one shell.
  use Xavos.DataCase, async: false

  import Xavos.Factory

  alias Mix.Tasks.Xavos.{Benchmark, Bridge, Swarm}

  setup do
    shell = Mix.shell()
    Mix.shell(Mix.Shell.Process)
    on_exit(fn -> Mix.shell(shell) end)
  end

  describe "mix xavos.swarm" do
    test "prints a summary" do
      Swarm.run(~w(--agents 2 --items 5 --work-ms 0 --seed 1))
      assert_received {:mix_shell, :info, ["swarm " <> _]}
      assert said() =~ "5 of 5 completed, 0 lost, 0 claimed twice"
    end

    test "prints JSON and nothing else" do
      Swarm.run(~w(--agents 2 --items 5 --work-ms 0 --json))
      assert_received {:mix_shell, :info, [json]}

      assert %{"ok" => true, "items" => 5, "completed" => 5, "claims_per_second" => _} =
               Jason.decode!(json)

      refute_received {:mix_shell, :info, _more}
    end

    test "calls what it makes after its run" do
      Swarm.run(~w(--agents 1 --items 2 --work-ms 0 --run mine-1 --json))
      assert %{"run" => "mine-1", "completed" => 2} = Jason.decode!(said())
      items = Xavos.Coordination.list_work_items!(authorize?: false)

      assert ["SWARM-mine-1-00001", "SWARM-mine-1-00002"] =
               items |> Enum.map(& &1.work_item_id) |> Enum.sort()
    end

    test "exits with 1 where something is not as it should be" do
      assert {:shutdown, 1} =
               catch_exit(Swarm.run(~w(--agents 1 --items 9 --work-ms 400 --timeout 1)))
    end

    test "refuses what it does not understand" do
      for {arguments, message} <- [
            {~w(--agents none), "--agents is not understood"},
            {~w(--agents 0), "--agents is from 1 to 1000"},
            {~w(--keep-alive -1), "--keep-alive is from 0 to 86400"},
            {~w(--run Mine), "--run is a name"},
            {~w(everything), "everything is not an option"},
            {~w(--fast), "--fast is not understood"}
          ] do
        assert_raise Mix.Error, ~r/#{message}/, fn -> Swarm.run(arguments) end
      end
    end
  end

  describe "mix xavos.bridge" do
    @describetag :tmp_dir

    test "exports and imports", %{tmp_dir: folder} do
      work_item(work_item_id: "A")
      Bridge.run(["export", folder])
      assert said() =~ "work_claims.json: 1"
      Bridge.run(["import", folder])
      assert said() =~ "work items    0 created, 0 updated, 1 unchanged, 0 skipped"
      Bridge.run(["import", folder, "--json"])
      assert %{"work_items" => %{"unchanged" => 1}, "problems" => []} = Jason.decode!(said())
    end

    test "exits with 1 where entries were skipped, and lists them", %{tmp_dir: folder} do
      File.write!(Path.join(folder, "work_claims.json"), ~s([{"work_item_id": "B"}, {}]))
      assert {:shutdown, 1} = catch_exit(Bridge.run(["import", folder]))
      assert said() =~ "work_claims.json[1].work_item_id: is missing"
    end

    test "exits with 2 where there is nothing to read", %{tmp_dir: folder} do
      assert {:shutdown, 2} = catch_exit(Bridge.run(["import", Path.join(folder, "missing")]))
      assert_received {:mix_shell, :error, [reason]}
      assert reason =~ "has neither"
    end

    test "refuses what it does not understand" do
      for arguments <- [[], ["import"], ["copy", "."], ["import", ".", "--fast"]] do
        assert_raise Mix.Error, ~r/usage/, fn -> Bridge.run(arguments) end
      end
    end
  end

  test "mix xavos.benchmark refuses what it does not understand" do
    assert_raise Mix.Error, ~r/--agents is from 1 to 1000/, fn ->
      Benchmark.run(~w(--agents 0))
    end

    assert_raise Mix.Error, ~r/not understood/, fn -> Benchmark.run(~w(--fast)) end
  end

  defp said(lines \\ []) do
    receive do
      {:mix_shell, :info, [line]} -> said([line | lines])
    after
      0 -> lines |> Enum.reverse() |> Enum.join("\n")
    end
  end
end
