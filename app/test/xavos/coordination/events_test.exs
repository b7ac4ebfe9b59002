defmodule Xavos.Coordination.EventsTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.Events
  alias Xavos.Coordination.Events.{Hub, Wire}

  describe "a subscriber" do
    setup do
      :ok = Events.subscribe()
    end

    test "is told what has happened" do
      item = work_item()
      name = item.work_item_id

      assert %{
               kind: "work_item.add",
               subject_type: "work_item",
               actor: "system",
               id: _,
               occurred_at: %DateTime{}
             } =
               told(name)

      Coordination.update_work_item!(item, %{priority: :low}, authorize?: false)
      assert %{kind: "work_item.update"} = told(name)
    end

    test "is told what happened in a claim, once it is over" do
      item = work_item()
      agent = agent() |> Ash.Seed.update!(%{status: :active})
      Coordination.claim_next!(agent.agent_id, %{}, authorize?: false)
      assert %{kind: "work_item.add"} = told(item.work_item_id)
      assert %{kind: "work_item.claim"} = told(item.work_item_id)
    end

    test "is not told what was refused" do
      assert {:error, _} =
               Coordination.add_work_item(
                 %{work_item_id: "refused", description: "…", depends_on: ["nothing"]},
                 authorize?: false
               )

      work_item(work_item_id: "accepted")
      assert %{kind: "work_item.add"} = told("accepted")
      refute_received {:coordination_events, [%{subject_id: "refused"} | _]}
    end
  end

  describe "a hub" do
    setup do
      topic = unique("topic")
      :ok = Phoenix.PubSub.subscribe(Xavos.PubSub, topic)
      hub = :"#{unique("hub")}"
      start_supervised!({Hub, name: hub, topic: topic, flush_ms: 20})
      {:ok, hub: hub}
    end

    test "tells many events at once, in their order", %{hub: hub} do
      for event <- events(5), do: Hub.tell(hub, event)
      assert_receive {:coordination_events, told}
      assert ["1", "2", "3", "4", "5"] = Enum.map(told, & &1.subject_id)
      refute_received {:coordination_events, _more}
    end

    test "tells the latest of more than it tells", %{hub: hub} do
      for event <- events(250), do: Hub.tell(hub, event)
      assert_receive {:coordination_events, told}
      assert length(told) == 200
      assert %{subject_id: "250"} = List.last(told)
    end

    test "tells what another hub has told", %{hub: hub} do
      for payload <- Wire.encode("another", events(2)), do: send(hub, {:heard, payload})
      assert_receive {:coordination_events, [%{subject_id: "1"}, %{subject_id: "2"}]}
    end

    test "does not tell its own events twice", %{hub: hub} do
      origin = :sys.get_state(hub).origin
      for payload <- Wire.encode(origin, events(2)), do: send(hub, {:heard, payload})
      refute_receive {:coordination_events, _events}, 60
    end

    test "ignores what it cannot read", %{hub: hub} do
      for payload <- ["", "[]", ~s({"origin":"x","events":[{"id":1}]})],
          do: send(hub, {:heard, payload})

      refute_receive {:coordination_events, _events}, 60
      assert Process.alive?(Process.whereis(hub))
    end

    test "says that something may have been missed when it is connected again", %{hub: hub} do
      send(hub, :connected)
      assert_receive :coordination_changed
    end
  end

  describe "on the wire" do
    test "events are as they were" do
      events = events(3)
      assert [payload] = Wire.encode("hub", events)
      assert {:ok, "hub", ^events} = Wire.decode(payload)
    end

    test "many events are as many notifications as they need, each short enough" do
      events = for event <- events(100), do: %{event | actor: String.duplicate("ä\"", 100)}
      payloads = Wire.encode("hub", events)
      assert length(payloads) > 1
      assert Enum.all?(payloads, &(byte_size(&1) < 8_000))

      assert events ==
               Enum.flat_map(payloads, fn payload ->
                 {:ok, "hub", events} = Wire.decode(payload)
                 events
               end)
    end

    test "the longest event there can be is short enough" do
      event = %{
        hd(events(1))
        | kind: String.duplicate("\u0001", 100),
          subject_id: String.duplicate("\u0001", 200),
          actor: String.duplicate("\u0001", 320)
      }

      assert [payload] = Wire.encode("hub", [event])
      assert byte_size(payload) < 8_000
    end
  end

  defp told(subject_id) do
    receive do
      {:coordination_events, events} ->
        case Enum.filter(events, &(&1.subject_id == subject_id)) do
          [] ->
            told(subject_id)

          [event | others] ->
            if others != [], do: send(self(), {:coordination_events, others})
            event
        end
    after
      1_000 -> flunk("nothing was told of #{subject_id}")
    end
  end

  defp events(count) do
    for number <- 1..count do
      %{
        id: Ash.UUIDv7.generate(),
        kind: "work_item.add",
        subject_type: "work_item",
        subject_id: to_string(number),
        actor: "system",
        occurred_at: DateTime.add(~U[2030-01-01 00:00:00.000000Z], number, :millisecond)
      }
    end
  end
end
