defmodule Xavos.Board do
  @moduledoc """
  What the board shows: figures, and of everything the few that matter most. However much there is, it reads no more than
  that.
  """

  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, WorkItem}
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
      statuses: [:claimed, :in_progress],
      sort: [claimed_at: :desc, id: :asc]
    },
    %{name: :blocked, title: "Blocked", statuses: [:blocked], sort: [rank: :asc, id: :asc]},
    %{
      name: :finished,
      title: "Finished",
      statuses: [:completed, :failed, :cancelled],
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
  def read!(actor) do
    scrum = Scrum.summary(actor: actor)

    %{
      scrum: scrum,
      teams: Scrum.flatten(scrum),
      agents: agents!(actor),
      columns: @columns |> Enum.map(&column!(&1, scrum.total, actor)) |> each_once(),
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
    items =
      WorkItem
      |> Ash.Query.filter(status in ^column.statuses)
      |> finished(column.name)
      |> Ash.Query.sort(column.sort)
      |> Ash.Query.limit(@items)
      |> Ash.Query.load([:agent, :team])
      |> Ash.read!(actor: actor)

    count = column.statuses |> Enum.map(&total[&1]) |> Enum.sum()
    Map.merge(column, %{count: count, items: items})
  end

  # What has moved between two readings is shown where it was seen last.
  defp each_once(columns) do
    {columns, _seen} =
      columns
      |> Enum.reverse()
      |> Enum.map_reduce(MapSet.new(), fn column, seen ->
        items = Enum.reject(column.items, &(&1.id in seen))
        {%{column | items: items}, MapSet.union(seen, MapSet.new(items, & &1.id))}
      end)

    Enum.reverse(columns)
  end

  # The index of what is finished has no others.
  defp finished(query, :finished), do: Ash.Query.filter(query, not is_nil(finished_at))
  defp finished(query, _column), do: query

  defp events!(actor), do: Coordination.list_events!(actor: actor, page: [limit: @events]).results
end
