defmodule Xavos.BridgeTest do
  use Xavos.DataCase, async: true
  use ExUnitProperties

  import Xavos.Factory

  alias Xavos.Bridge
  alias Xavos.Bridge.Report
  alias Xavos.Coordination
  alias Xavos.Coordination.WorkItem

  @moduletag :tmp_dir

  @system [authorize?: false]
  @same %{created: 0, updated: 0, unchanged: 0, skipped: 0}

  describe "an import" do
    test "makes teams, agents, work and what waits for what", %{tmp_dir: folder} do
      write(folder, "agent_status.json", [
        %{agent_id: "scout-1", team: "rockets", status: "busy", capacity: 3, current_workload: 2}
      ])

      write(folder, "work_claims.json", [
        %{work_item_id: "B", depends_on: ["A"], team: "rockets"},
        %{work_item_id: "A", agent_id: "scout-1", status: "in_progress", progress: 30}
      ])

      assert {:ok, %Report{problems: []} = report} = Bridge.import(folder, @system)
      assert report.agents == %{@same | created: 1}
      assert report.work_items == %{@same | created: 2}
      assert report.dependencies == %{@same | created: 1}

      assert %{status: :busy, capacity: 3, workload: 1} = agent = get_agent("scout-1")
      assert %{team: %{name: "rockets"}} = Ash.load!(agent, :team, @system)
      assert %{status: :in_progress, progress: 30, agent_id: agent_id} = get("A")
      assert agent_id == agent.id

      assert %{depends_on: [%{work_item_id: "A"}], status: :pending} =
               Ash.load!(get("B"), :depends_on, @system)
    end

    test "of the same files changes nothing", %{tmp_dir: folder} do
      write(folder, "agent_status.json", [
        %{agent_id: "a", last_heartbeat: "2025-06-15T06:54:50Z"}
      ])

      write(folder, "work_claims.json", [
        %{work_item_id: "A", agent_id: "a", status: "active", created_at: "2025-06-15T06:54:50Z"},
        %{
          work_item_id: "B",
          depends_on: ["A"],
          status: "completed",
          agent_id: "a",
          result: "success"
        }
      ])

      assert {:ok, %{problems: []}} = Bridge.import(folder, @system)

      before =
        {Coordination.list_events!(@system ++ [page: false]), get("A"), get("B"), get_agent("a")}

      assert {:ok, %{problems: []} = report} = Bridge.import(folder, @system)
      assert report.agents == %{@same | unchanged: 1}
      assert report.work_items == %{@same | unchanged: 2}
      assert report.dependencies == %{@same | unchanged: 1}

      assert before ==
               {Coordination.list_events!(@system ++ [page: false]), get("A"), get("B"),
                get_agent("a")}
    end

    test "changes what the file says otherwise, and counts the work of both agents", %{
      tmp_dir: folder
    } do
      for name <- ~w(a b), do: agent(agent_id: name, capacity: 2)
      import!(folder, [%{work_item_id: "A", agent_id: "a", status: "claimed"}])
      assert [1, 0] = for(name <- ~w(a b), do: get_agent(name).workload)

      report =
        import!(folder, [%{work_item_id: "A", agent_id: "b", status: "blocked", reason: "Rain"}])

      assert report.work_items == %{@same | updated: 1}
      assert [0, 1] = for(name <- ~w(a b), do: get_agent(name).workload)
      assert %{status: :blocked, reason: "Rain"} = get("A")
    end

    test "registers an agent that only a claim names", %{tmp_dir: folder} do
      import!(folder, [%{work_item_id: "A", agent_id: "unknown", status: "claimed"}])
      assert %{name: "unknown", workload: 1} = get_agent("unknown")
    end

    test "ranks what it brings by its age", %{tmp_dir: folder} do
      work_item(work_item_id: "new", priority: :critical)

      import!(folder, [
        %{work_item_id: "old", priority: "low", created_at: "2020-01-01T00:00:00Z"}
      ])

      agent = agent() |> Ash.Seed.update!(%{status: :active})
      assert %{work_item_id: "old"} = Coordination.claim_next!(agent.agent_id, %{}, @system)
    end

    test "skips what it cannot read, and says where and why", %{tmp_dir: folder} do
      write(folder, "work_claims.json", [
        %{work_item_id: "GOOD"},
        %{work_item_id: "BAD", priority: "sky-high"}
      ])

      File.write!(Path.join(folder, "agent_status.json"), "[{")

      assert {:ok, report} = Bridge.import(folder, @system)
      assert report.work_items == %{@same | created: 1}

      assert [
               %{file: "agent_status.json", place: "", reason: "is not JSON" <> _},
               %{file: "work_claims.json", place: "[1].priority", id: "BAD"}
             ] = report.problems

      text = Report.to_text(report)
      assert text =~ "work items    1 created"
      assert text =~ "work_claims.json[1].priority (BAD): \"sky-high\" is not known"
    end

    test "does not give an agent more than it has room for", %{tmp_dir: folder} do
      agent(agent_id: "a", capacity: 1)

      assert {:ok, report} =
               import_claims(
                 folder,
                 for(name <- ~w(A B), do: %{work_item_id: name, agent_id: "a", status: "claimed"})
               )

      assert [%{place: "[1]", id: "B", reason: "a has no room: it can hold 1"}] = report.problems
      assert report.work_items == %{@same | created: 1, skipped: 1}
      assert {:error, _not_there} = Coordination.get_work_item_by_work_item_id("B", @system)
    end

    test "does not make an agent smaller than what it holds", %{tmp_dir: folder} do
      agent(agent_id: "a", capacity: 2)

      import!(
        folder,
        for(name <- ~w(A B), do: %{work_item_id: name, agent_id: "a", status: "claimed"})
      )

      write(folder, "agent_status.json", [%{agent_id: "a", capacity: 1}])

      assert {:ok, %{problems: [%{id: "a", reason: "capacity is 1, but it holds 2"}]}} =
               Bridge.import(folder, @system)

      assert %{capacity: 2} = get_agent("a")
    end

    test "does not open again what is over", %{tmp_dir: folder} do
      work_item(work_item_id: "A") |> Ash.Seed.update!(%{status: :completed, progress: 100})

      assert {:ok, report} =
               import_claims(folder, [%{work_item_id: "A", agent_id: "a", status: "claimed"}])

      assert [%{reason: "is claimed here, but has been completed"}] = report.problems
      assert %{status: :completed} = get("A")
      # Nor does it leave the agent behind that it had made for it.
      assert {:error, _not_there} = Coordination.get_agent_by_agent_id("a", @system)
    end

    test "reports dependencies on what there is not, and circles", %{tmp_dir: folder} do
      assert {:ok, report} =
               import_claims(folder, [
                 %{work_item_id: "A", depends_on: ["B", "nothing"]},
                 %{work_item_id: "B", depends_on: ["A"]}
               ])

      assert report.dependencies == %{@same | created: 1, skipped: 2}

      assert [
               %{id: "A", place: "[0].depends_on", reason: "there is no work item nothing"},
               %{id: "B", place: "[1].depends_on", reason: circle}
             ] = report.problems

      assert circle =~ "would lead back to itself"
    end

    test "of a folder without the files is an error", %{tmp_dir: folder} do
      assert {:error, reason} = Bridge.import(folder, @system)
      assert reason =~ "has neither work_claims.json nor agent_status.json"
      assert {:error, reason} = Bridge.import(Path.join(folder, "missing"), @system)
      assert reason =~ "has neither"
    end

    test "of a file that cannot be read is an error", %{tmp_dir: folder} do
      File.mkdir!(Path.join(folder, "work_claims.json"))
      assert {:error, reason} = Bridge.import(folder, @system)
      assert reason =~ "illegal operation on a directory"
    end
  end

  describe "an import of entries that name little" do
    test "leaves everything else of an item as it is", %{tmp_dir: folder} do
      team = team(name: "rockets")
      agent(agent_id: "a", capacity: 3, team_id: team.id)

      import!(folder, [
        %{
          work_item_id: "A",
          agent_id: "a",
          status: "in_progress",
          progress: 40,
          team: "rockets",
          type: "bug",
          description: "Mend it",
          priority: "critical",
          claimed_at: "2025-06-15T06:54:50Z",
          started_at: "2025-06-15T06:55:50Z",
          created_at: "2025-06-14T06:55:50Z",
          result: %{half: true}
        }
      ])

      before = get("A")
      assert import!(folder, [%{work_item_id: "A"}]).work_items == %{@same | unchanged: 1}
      assert get("A") == before

      report = import!(folder, [%{work_item_id: "A", progress: 60}])
      assert report.work_items == %{@same | updated: 1}
      changing = [:progress, :updated_at, :__metadata__]
      assert Map.drop(get("A"), changing) == Map.drop(before, changing)
      assert %{progress: 60} = get("A")
      assert %{workload: 1} = get_agent("a")

      import!(folder, [%{work_item_id: "A", team: nil, status: "pending"}])
      assert %{team_id: nil, status: :pending, agent_id: nil, priority: :critical} = get("A")
      assert %{workload: 0} = get_agent("a")
    end

    test "leaves everything else of an agent as it is", %{tmp_dir: folder} do
      write(folder, "agent_status.json", [
        %{
          agent_id: "a",
          name: "Ada",
          team: "rockets",
          specialization: "elixir",
          status: "idle",
          capacity: 5,
          last_heartbeat: "2025-06-15T06:54:50Z"
        }
      ])

      assert {:ok, %{problems: []}} = Bridge.import(folder, @system)
      before = get_agent("a")

      for {entry, changed} <- [
            {%{}, %{}},
            {%{current_workload: 0}, %{}},
            {%{name: nil, capacity: nil, status: ""}, %{}},
            {%{capacity: 7}, %{capacity: 7}},
            {%{specialization: nil}, %{capacity: 7, specialization: nil}},
            {%{team: nil}, %{capacity: 7, specialization: nil, team_id: nil}}
          ] do
        write(folder, "agent_status.json", [Map.put(entry, :agent_id, "a")])
        assert {:ok, %{problems: []}} = Bridge.import(folder, @system)
        changing = [:updated_at, :__metadata__]
        expected = before |> Map.merge(changed) |> Map.drop(changing)
        assert get_agent("a") |> Map.drop(changing) == expected
      end
    end

    test "says where nobody is named who could hold it", %{tmp_dir: folder} do
      assert {:ok, report} = import_claims(folder, [%{work_item_id: "A", status: "claimed"}])

      assert [
               %{place: "[0].agent_id", id: "A", reason: "is missing, but the work is claimed"}
             ] = report.problems

      assert {:error, _not_there} = Coordination.get_work_item_by_work_item_id("A", @system)
    end
  end

  describe "an export" do
    test "has everything, by id, in the documented fields", %{tmp_dir: folder} do
      team = team(name: "rockets")
      agent(agent_id: "a", team_id: team.id, capacity: 4)
      work_item(work_item_id: "W")

      assert {:ok, %{"work_claims.json" => 1, "agent_status.json" => 1}} =
               Bridge.export(folder, @system)

      assert [
               %{
                 "agent_id" => "a",
                 "name" => "An agent",
                 "team" => "rockets",
                 "specialization" => nil,
                 "status" => "registering",
                 "current_workload" => 0,
                 "capacity" => 4,
                 "last_heartbeat" => nil
               }
             ] = read(folder, "agent_status.json")

      assert [
               %{
                 "work_item_id" => "W",
                 "priority" => "medium",
                 "status" => "pending",
                 "agent_id" => nil
               }
             ] =
               read(folder, "work_claims.json")
    end

    test "makes the folder, and leaves nothing but the files", %{tmp_dir: folder} do
      folder = Path.join(folder, "a/b")
      for _time <- 1..2, do: assert({:ok, _counts} = Bridge.export(folder, @system))
      assert ["agent_status.json", "work_claims.json"] = folder |> File.ls!() |> Enum.sort()
    end

    test "that cannot write says so and leaves the old file", %{tmp_dir: folder} do
      path = Path.join(folder, "work_claims.json")
      File.mkdir!(path)
      assert {:error, reason} = Bridge.export(folder, @system)
      assert reason =~ path
      assert ["work_claims.json"] = File.ls!(folder)
    end
  end

  property "what was exported and imported again is what it was", %{tmp_dir: folder} do
    check all(
            agents <- agents(),
            items <- items(),
            max_runs: 15
          ) do
      clear()
      populate(agents, items)
      exported = export(folder)

      # Imported where it comes from: nothing changes.
      assert {:ok, %{problems: []} = report} = Bridge.import(folder, @system)
      assert %{created: 0, updated: 0} = report.agents
      assert %{created: 0, updated: 0} = report.work_items

      # Imported where nothing is: the same again.
      clear()
      assert {:ok, %{problems: []}} = Bridge.import(folder, @system)
      assert exported == export(folder)
    end
  end

  # --- helpers ---

  defp agents do
    fixed_map(%{
      name: string(:printable, min_length: 1, max_length: 30) |> filter(&(String.trim(&1) != "")),
      capacity: integer(3..10),
      status: member_of(Coordination.Agent.statuses()),
      specialization:
        one_of([constant(nil), string(:alphanumeric, min_length: 1, max_length: 20)]),
      team: member_of([nil, "one", "two"]),
      last_heartbeat_at: one_of([constant(nil), time()])
    })
    |> list_of(min_length: 1, max_length: 3)
  end

  defp items do
    fixed_map(%{
      description:
        string(:printable, min_length: 1, max_length: 60) |> filter(&(String.trim(&1) != "")),
      type: string(:alphanumeric, min_length: 1, max_length: 10),
      priority: member_of(WorkItem.priorities()),
      status: member_of(WorkItem.statuses()),
      progress: integer(0..100),
      team: member_of([nil, "one", "two"]),
      inserted_at: time(),
      claimed_at: time(),
      finished_at: time(),
      result:
        one_of([
          constant(nil),
          map_of(string(:alphanumeric), one_of([integer(), boolean()]), max_length: 3)
        ]),
      reason: one_of([constant(nil), string(:alphanumeric, min_length: 1)]),
      waits?: boolean()
    })
    |> list_of(max_length: 8)
  end

  defp time do
    map(
      integer(1_600_000_000_000_000..1_900_000_000_000_000),
      &DateTime.from_unix!(&1, :microsecond)
    )
  end

  defp clear do
    for resource <- [
          Coordination.WorkItemDependency,
          WorkItem,
          Coordination.Agent,
          Coordination.Team
        ],
        do: Xavos.Repo.delete_all(resource)
  end

  defp export(folder) do
    {:ok, _counts} = Bridge.export(folder, @system)
    for file <- ~w(work_claims.json agent_status.json), do: File.read!(Path.join(folder, file))
  end

  defp populate(agents, items) do
    teams = Map.new(["one", "two"], &{&1, team(name: &1).id})

    agents =
      for {agent, number} <- Enum.with_index(agents) do
        agent(
          agent_id: "a#{number}",
          name: String.trim(agent.name),
          capacity: agent.capacity,
          team_id: teams[agent.team]
        )
        |> Ash.Seed.update!(Map.take(agent, [:status, :specialization, :last_heartbeat_at]))
      end

    for {item, number} <- Enum.with_index(items),
        do: populate(item, number, Enum.at(agents, rem(number, length(agents))), teams)

    for agent <- agents do
      agent |> Ash.Changeset.for_update(:count_workload, %{}, @system) |> Ash.update!()
    end
  end

  defp populate(item, number, agent, teams) do
    waits_for = if item.waits? and number > 0, do: ["w#{number - 1}"], else: []

    work_item(
      work_item_id: "w#{number}",
      description: String.trim(item.description),
      type: item.type,
      priority: item.priority,
      team_id: teams[item.team],
      depends_on: waits_for
    )
    |> Ash.Seed.update!(
      item
      |> Map.take([:status, :inserted_at, :result, :reason])
      |> Map.merge(as_it_can_be(item, agent))
    )
  end

  defp as_it_can_be(%{status: status} = item, agent) when status in [:completed, :failed] do
    progress = if status == :completed, do: 100, else: item.progress

    item
    |> Map.take([:claimed_at, :finished_at])
    |> Map.merge(%{agent_id: agent.id, progress: progress})
  end

  defp as_it_can_be(%{status: status} = item, agent)
       when status in [:claimed, :in_progress, :blocked],
       do: item |> Map.take([:claimed_at, :progress]) |> Map.put(:agent_id, agent.id)

  defp as_it_can_be(item, _agent), do: Map.take(item, [:progress])

  defp import_claims(folder, claims) do
    write(folder, "work_claims.json", claims)
    Bridge.import(folder, @system)
  end

  defp import!(folder, claims) do
    assert {:ok, %{problems: []} = report} = import_claims(folder, claims)
    report
  end

  defp write(folder, file, entries),
    do: File.write!(Path.join(folder, file), Jason.encode!(entries))

  defp read(folder, file), do: folder |> Path.join(file) |> File.read!() |> Jason.decode!()
  defp get(id), do: Coordination.get_work_item_by_work_item_id!(id, @system)
  defp get_agent(id), do: Coordination.get_agent_by_agent_id!(id, @system)
end
