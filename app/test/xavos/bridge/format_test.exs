defmodule Xavos.Bridge.FormatTest do
  use ExUnit.Case, async: true

  alias Xavos.Bridge.Format

  describe "work_claims.json" do
    test "an entry with everything" do
      assert %{
               id: "XAV-1",
               agent_id: "scout-1",
               type: "feature",
               description: "Fly",
               priority: :high,
               status: :in_progress,
               progress: 40,
               team: "rockets",
               depends_on: ["XAV-0"],
               claimed_at: ~U[2025-06-15 06:54:50.000000Z],
               started_at: ~U[2025-06-15 06:55:00.123000Z],
               inserted_at: ~U[2025-06-14 00:00:00.000000Z],
               finished_at: nil,
               result: %{"half" => true},
               reason: nil
             } =
               claim(%{
                 work_item_id: "XAV-1",
                 agent_id: "scout-1",
                 type: "feature",
                 description: "Fly",
                 priority: "high",
                 status: "in_progress",
                 progress: 40,
                 team: "rockets",
                 depends_on: ["XAV-0"],
                 created_at: "2025-06-14T00:00:00Z",
                 claimed_at: "2025-06-15T06:54:50Z",
                 started_at: "2025-06-15T08:55:00.123+02:00",
                 result: %{half: true}
               })
    end

    test "an entry with an id only" do
      assert %{
               id: "X",
               agent_id: nil,
               type: "task",
               description: "X",
               priority: :medium,
               status: :pending,
               progress: 0,
               team: nil,
               depends_on: []
             } = claim(%{work_item_id: "X"})
    end

    test "what other tools write is understood" do
      assert %{
               id: "work_1",
               type: "bug",
               status: :claimed,
               team: "autonomous-team",
               priority: :critical
             } =
               claim(%{
                 work_id: "work_1",
                 work_type: "bug",
                 status: "active",
                 agent_id: "agent_1",
                 team: " Autonomous Team ",
                 priority: "URGENT",
                 telemetry: %{trace_id: "…"},
                 estimated_duration: "30m"
               })

      for {status, known} <- [
            {"open", :pending},
            {"To Do", nil},
            {"In-Progress", :in_progress},
            {"in progress", :in_progress},
            {"done", :completed},
            {"Canceled", :cancelled},
            {"error", :failed}
          ] do
        case read(:work_claims, [%{work_item_id: "X", agent_id: "a", status: status}]) do
          {[%{status: ^known}], []} -> assert known
          {[], [%{reason: reason}]} -> assert known == nil and reason =~ "is not known"
        end
      end
    end

    test "progress and times in other ways" do
      for progress <- ["40%", "40", 40.0, " 39.6 %"],
          do: assert(%{progress: 40} = claim(%{id: "X", progress: progress}))

      for time <- [
            1_749_970_490,
            1_749_970_490_000,
            "2025-06-15T06:54:50",
            "2025-06-15 06:54:50Z"
          ] do
        assert %{inserted_at: ~U[2025-06-15 06:54:50.000000Z]} =
                 claim(%{id: "X", created_at: time})
      end
    end

    test "a result that is no object is kept in one" do
      assert %{result: %{"outcome" => "success"}} = claim(%{id: "X", result: "success"})
      assert %{result: %{"outcome" => [1]}} = claim(%{id: "X", result: [1]})
    end

    test "what is completed is done, and what waits is held by nobody" do
      assert %{progress: 100} =
               claim(%{id: "X", status: "completed", agent_id: "a", progress: 70})

      assert %{agent_id: nil, claimed_at: nil} =
               claim(%{id: "X", status: "pending", agent_id: "a", claimed_at: 1_749_970_490})
    end

    test "a claim without a status is claimed" do
      assert %{status: :claimed} = claim(%{id: "X", agent_id: "a"})
    end

    test "a malformed entry is reported with its place, and the others are read" do
      entries = [
        %{work_item_id: "GOOD"},
        %{description: "no id"},
        %{work_item_id: "two words"},
        "text",
        %{work_item_id: "A", priority: "sky-high"},
        %{work_item_id: "B", progress: 101},
        %{work_item_id: "C", claimed_at: "yesterday"},
        %{work_item_id: "E", depends_on: "A"},
        %{work_item_id: "F", team: "!!!"},
        %{work_item_id: "G", description: 7},
        %{work_item_id: "GOOD", priority: "low"},
        %{work_item_id: "H", agent_id: "No Body"},
        %{work_item_id: "I", description: "nul\0"}
      ]

      assert {[%{id: "GOOD", priority: :medium}], problems} = read(:work_claims, entries)

      assert [
               {"[1].work_item_id", nil, "is missing"},
               {"[2].work_item_id", "two words", "\"two words\" is not an id"},
               {"[3]", nil, "is not an object"},
               {"[4].priority", "A", "\"sky-high\" is not known"},
               {"[5].progress", "B", "101 is not from 0 to 100"},
               {"[6].claimed_at", "C", "\"yesterday\" is not a time"},
               {"[7].depends_on", "E", "is not an array of ids"},
               {"[8].team", "F", "\"!!!\" makes no name of a team"},
               {"[9].description", "G", "7 is not text"},
               {"[10]", "GOOD", "is there twice; the first was taken"},
               {"[11].agent_id", "H", "\"No Body\" is not an id of an agent"},
               {"[12].description", "I", "has a NUL character"}
             ] = Enum.map(problems, &{&1.place, &1.id, &1.reason})

      assert Enum.all?(problems, &(&1.file == "work_claims.json"))
    end
  end

  describe "an entry laid over what is known" do
    @known %{
      agent_id: "a",
      type: "bug",
      description: "Mend it",
      priority: :high,
      status: :in_progress,
      progress: 70,
      inserted_at: ~U[2025-01-01 00:00:00.000000Z],
      claimed_at: ~U[2025-01-02 00:00:00.000000Z],
      started_at: ~U[2025-01-03 00:00:00.000000Z],
      finished_at: nil,
      result: nil,
      reason: nil
    }

    test "changes what it names and nothing else" do
      assert over(%{}) == @known
      assert over(%{priority: "low"}) == %{@known | priority: :low}
      assert over(%{result: %{half: true}}) == %{@known | result: %{"half" => true}}
      assert over(%{progress: nil, type: "", status: nil}) == @known
      assert over(%{claimed_at: nil}) == %{@known | claimed_at: nil}
    end

    test "takes with a status what no longer belongs to it" do
      blocked = %{@known | status: :blocked, reason: "no paint"}
      assert over(%{status: "working"}, blocked) == @known
      assert over(%{reason: "no brush"}, blocked) == %{blocked | reason: "no brush"}

      waits = %{
        @known
        | status: :pending,
          agent_id: nil,
          claimed_at: nil,
          started_at: nil,
          progress: 0
      }

      assert over(%{status: "pending"}) == waits
      assert over(%{agent_id: nil}) == waits
      assert over(%{status: "done"}) == %{@known | status: :completed, progress: 100}
    end

    test "gives it to whoever is named" do
      assert over(%{agent_id: "b"}) == %{@known | agent_id: "b"}
      waits = %{@known | status: :pending, agent_id: nil}
      assert %{status: :claimed, agent_id: "b", progress: 70} = over(%{agent_id: "b"}, waits)
      done = %{@known | status: :completed, progress: 100}
      assert over(%{agent_id: "b"}, done) == %{done | agent_id: "b"}
    end

    test "is refused where somebody would have to hold it and nobody is named" do
      entry = claim(%{id: "X", status: "claimed"})
      reason = "is missing, but the work is claimed"
      assert {:error, :agent_id, ^reason} = Format.over(entry, nil)
      waits = %{@known | status: :pending, agent_id: nil}
      assert {:error, :agent_id, ^reason} = Format.over(entry, waits)
      assert {:ok, %{agent_id: "a"}} = Format.over(entry, @known)
    end

    defp over(entry, known \\ @known) do
      assert {:ok, entry} = entry |> Map.put(:id, "X") |> claim() |> Format.over(known)
      Map.take(entry, Map.keys(@known))
    end
  end

  describe "agent_status.json" do
    test "an entry with everything" do
      assert %{
               id: "scout-1",
               name: "Scout",
               team: "rockets",
               specialization: "elixir",
               status: :busy,
               capacity: 3,
               last_heartbeat_at: ~U[2025-06-15 06:54:50.000000Z]
             } =
               agent(%{
                 agent_id: "scout-1",
                 name: "Scout",
                 team: "rockets",
                 specialization: "elixir",
                 status: "working",
                 capacity: "3",
                 current_workload: 2,
                 last_heartbeat: "2025-06-15T06:54:50Z",
                 performance_metrics: %{tasks_completed: 0}
               })
    end

    test "an entry with an id only" do
      assert %{id: "a", name: "a", status: :registering, capacity: 1, team: nil} =
               agent(%{id: "a"})
    end

    test "a malformed entry is reported" do
      for {entry, place, reason} <- [
            {%{}, "[0].agent_id", "is missing"},
            {%{agent_id: "Scout"}, "[0].agent_id", "is not an id"},
            {%{agent_id: "a", capacity: 0}, "[0].capacity", "is not from 1 to 100"},
            {%{agent_id: "a", capacity: 2, current_workload: 3}, "[0].current_workload",
             "is not from 0 to 2"},
            {%{agent_id: "a", status: "asleep"}, "[0].status", "is not known"}
          ] do
        assert {[], [%{place: ^place, reason: said}]} = read(:agent_status, [entry])
        assert said =~ reason
      end
    end
  end

  describe "a file" do
    test "may have its entries under its name, or by their ids" do
      for json <- [
            %{work_claims: [%{id: "A"}], version: 1},
            %{claims: [%{id: "A"}]},
            %{A: %{status: "pending"}}
          ] do
        assert {[%{id: "A"}], []} = Format.read(:work_claims, Jason.encode!(json))
      end

      assert {[%{id: "a"}], []} = Format.read(:agent_status, ~s({"agents":[{"agent_id":"a"}]}))
    end

    test "may begin with a byte order mark, and may be empty of entries" do
      assert {[], []} = Format.read(:work_claims, "\uFEFF[]")
      assert {[], []} = Format.read(:work_claims, "{}")
    end

    test "that is something else is one problem" do
      for {text, reason} <- [
            {"", "is not JSON"},
            {"[{]", "is not JSON"},
            {"7", "is neither an array nor an object"},
            {~s({"a": 1}), "is an object without an array of entries"}
          ] do
        assert {[], [%{place: "", id: nil, reason: said}]} = Format.read(:work_claims, text)
        assert said =~ reason
      end
    end
  end

  defp claim(entry), do: one(:work_claims, entry)
  defp agent(entry), do: one(:agent_status, entry)

  defp one(kind, entry) do
    assert {[entry], []} = read(kind, [entry])
    entry
  end

  defp read(kind, entries), do: Format.read(kind, Jason.encode!(entries))
end
