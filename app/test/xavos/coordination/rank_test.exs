defmodule Xavos.Coordination.RankTest do
  use Xavos.DataCase, async: true

  import Xavos.Factory

  alias Xavos.Coordination
  alias Xavos.Coordination.{Rank, WorkItem}

  @now ~U[2030-01-01 12:00:00.000000Z]

  describe "the formula" do
    test "of items of the same age the more urgent comes first" do
      ranks = for priority <- Enum.reverse(WorkItem.priorities()), do: Rank.of(@now, priority, 0)
      assert ranks == Enum.sort(ranks, DateTime)
      assert ranks == Enum.uniq(ranks)
    end

    test "of items of the same priority that of the weightier team comes first" do
      assert :lt = DateTime.compare(Rank.of(@now, :low, 100), Rank.of(@now, :low, 99))
    end

    test "nothing comes before what has waited long enough" do
      waited = DateTime.add(@now, -Rank.patience() - 1, :second)
      assert :lt = DateTime.compare(Rank.of(waited, :low, 0), Rank.of(@now, :critical, 100))
    end
  end

  describe "an item" do
    test "has a rank from the start" do
      item = work_item(priority: :high)
      assert item.rank == Rank.of(item.inserted_at, :high, 0)
    end

    test "has the weight of its team in its rank" do
      item = work_item(priority: :low, team_id: team(weight: 7).id)
      assert item.rank == Rank.of(item.inserted_at, :low, 7)
    end

    test "has another rank when its priority changes" do
      item = edit(work_item(priority: :low, team_id: team(weight: 3).id), %{priority: :critical})
      assert item.rank == Rank.of(item.inserted_at, :critical, 3)
    end

    test "has another rank when its team changes" do
      item = edit(work_item(), %{team_id: team(weight: 50).id})
      assert item.rank == Rank.of(item.inserted_at, :medium, 50)
      item = edit(item, %{team_id: nil})
      assert item.rank == Rank.of(item.inserted_at, :medium, 0)
    end

    test "keeps its rank when something else changes" do
      item = work_item()
      assert %{rank: rank} = edit(item, %{description: "Something else"})
      assert rank == item.rank
    end

    test "cannot be given a rank" do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.update_work_item(work_item(), %{rank: @now}, authorize?: false)
    end

    test "of a team that there is not is not added" do
      assert {:error, %Ash.Error.Invalid{}} =
               Coordination.add_work_item(
                 %{work_item_id: "X", description: "…", team_id: Ash.UUID.generate()},
                 authorize?: false
               )
    end
  end

  describe "a team" do
    test "that gets another weight gives its work another rank, and that of others none" do
      team = team(weight: 1)

      items =
        for priority <- WorkItem.priorities(), do: work_item(priority: priority, team_id: team.id)

      other = work_item(team_id: team(weight: 1).id)

      Coordination.update_team!(team, %{weight: 90}, authorize?: false)

      for item <- items do
        assert reload(item).rank == Rank.of(item.inserted_at, item.priority, 90)
      end

      assert reload(other).rank == other.rank
    end

    test "that keeps its weight leaves its work alone" do
      item = work_item(team_id: team(weight: 5).id)
      team = Coordination.get_team!(item.team_id, authorize?: false)
      Coordination.update_team!(team, %{title: "Fives", weight: 5}, authorize?: false)
      assert reload(item).rank == item.rank
    end

    test "that goes away takes its weight with it" do
      team = team(weight: 60)
      item = work_item(team_id: team.id, priority: :high)
      Coordination.remove_team!(team, authorize?: false)
      assert %{team_id: nil, rank: rank} = reload(item)
      assert rank == Rank.of(item.inserted_at, :high, 0)
    end

    test "whose weight changes makes one event, not one for each item" do
      team = team()
      for _item <- 1..3, do: work_item(team_id: team.id)
      before = events()
      Coordination.update_team!(team, %{weight: 90}, authorize?: false)
      assert ["team.update"] = events() -- before
    end
  end

  defp edit(item, attributes),
    do: Coordination.update_work_item!(item, attributes, authorize?: false)

  defp reload(item), do: Coordination.get_work_item!(item.id, authorize?: false)

  defp events do
    Coordination.list_events!(authorize?: false, page: false) |> Enum.map(& &1.kind)
  end
end
