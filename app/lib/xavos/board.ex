defmodule Xavos.Board do
  @moduledoc """
  Reads the content of the board in one snapshot: figures, and the most important records. The number of rows that
  it reads does not grow with the data.
  """

  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, Snapshot, Statuses, WorkItem}
  alias Xavos.Scrum

  require Ash.Query

  @agents 64
  @items 6
  @events 30

  @columns [
    %{name: :pending, title: "Waiting", statuses: [:pending], sort: [rank: :asc, id: :asc]},
    %{
      name: :working,
      title: "Being worked on",
      statuses: Statuses.working(),
      sort: [claimed_at: :desc, id: :asc]
    },
    %{name: :blocked, title: "Blocked", statuses: [:blocked], sort: [rank: :asc, id: :asc]},
    %{
      name: :finished,
      title: "Finished",
      statuses: Statuses.finished(),
      sort: [finished_at: :desc_nils_last, id: :asc]
    }
  ]

  @type column :: %{name: atom, title: String.t(), count: non_neg_integer, items: [WorkItem.t()]}
  @type t :: %{
          scrum: Scrum.summary(),
          teams: [Scrum.team()],
          agents: [Agent.t()],
          columns: [column],
          events: [Coordination.CoordinationEvent.t()]
        }

  @doc "What `actor` may see of it; raises where they may see nothing, or the database is away."
  @spec read!(struct | nil) :: t
  def read!(actor), do: Snapshot.read(fn -> read_now!(actor) end)

  defp read_now!(actor) do
    scrum = Scrum.summary(actor: actor)

    %{
      scrum: scrum,
      teams: Scrum.flatten(scrum),
      agents: agents!(actor),
      columns: Enum.map(@columns, &column!(&1, scrum.total, actor)),
      events: events!(actor)
    }
  end

  defp agents!(actor) do
    Agent
    |> Ash.Query.filter(status != :offline)
    |> Ash.Query.sort(agent_id: :asc)
    |> Ash.Query.limit(@agents)
    |> Ash.read!(actor: actor)
  end

  defp column!(column, total, actor) do
    count = column.statuses |> Enum.map(&total[&1]) |> Enum.sum()
    Map.merge(column, %{count: count, items: items!(column, count, actor)})
  end

  # The index of what is finished has only what says when. What a file has brought need not: it comes after.
  defp items!(%{name: :finished} = column, count, actor) do
    dated =
      column
      |> first(@items)
      |> Ash.Query.filter(not is_nil(finished_at))
      |> Ash.read!(actor: actor)

    room = min(count, @items) - length(dated)

    if room > 0 do
      undated = column |> first(room) |> Ash.Query.filter(is_nil(finished_at))
      dated ++ Ash.read!(undated, actor: actor)
    else
      dated
    end
  end

  defp items!(column, _count, actor), do: column |> first(@items) |> Ash.read!(actor: actor)

  defp first(column, limit) do
    WorkItem
    |> Ash.Query.filter(status in ^column.statuses)
    |> Ash.Query.sort(column.sort)
    |> Ash.Query.limit(limit)
    |> Ash.Query.load([:agent, :team])
  end

  defp events!(actor), do: Coordination.list_events!(actor: actor, page: [limit: @events]).results
end
