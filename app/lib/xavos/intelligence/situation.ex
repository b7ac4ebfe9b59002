defmodule Xavos.Intelligence.Situation do
  @moduledoc "The data that an adviser gets: a limited number of pending items and of agents with capacity."

  alias Xavos.Coordination.{Agent, Statuses, WorkItem, WorkItemDependency}

  require Ash.Query

  @enforce_keys [:kind, :now, :items, :agents]
  defstruct [:kind, :now, :items, :agents]

  @most_agents 100
  @present Statuses.present()
  @open Statuses.open()

  @type item :: %{
          work_item_id: String.t(),
          type: String.t(),
          description: String.t(),
          priority: atom,
          team: String.t() | nil,
          waiting_hours: number,
          waited_for_by: [%{work_item_id: String.t(), priority: atom}]
        }
  @type t :: %__MODULE__{
          kind: :priority | :assignment,
          now: DateTime.t(),
          items: [item],
          agents: [map]
        }

  @doc "Looks around for somebody; `ash` are their options (`actor`, `authorize?`)."
  @spec look(:priority | :assignment, pos_integer, keyword) :: {:ok, t} | {:error, term}
  def look(kind, limit, ash) do
    now = DateTime.utc_now()

    with {:ok, items} <- items(kind, limit, ash),
         {:ok, waiting} <- waiting(items, ash),
         {:ok, agents} <- agents(kind, ash) do
      {:ok,
       %__MODULE__{
         kind: kind,
         now: now,
         items: Enum.map(items, &item(&1, waiting, now)),
         agents: Enum.map(agents, &agent/1)
       }}
    end
  end

  # What is claimed next comes first.
  defp items(kind, limit, ash) do
    WorkItem
    |> Ash.Query.filter(status == :pending)
    |> ready(kind)
    |> Ash.Query.sort(rank: :asc, id: :asc)
    |> Ash.Query.limit(limit)
    |> Ash.Query.load(:team)
    |> Ash.read(ash)
  end

  defp ready(query, :assignment),
    do: Ash.Query.filter(query, not exists(dependencies, depends_on.status != :completed))

  defp ready(query, :priority), do: query

  defp waiting(items, ash) do
    ids = Enum.map(items, & &1.id)

    WorkItemDependency
    |> Ash.Query.filter(depends_on_id in ^ids and work_item.status in ^@open)
    |> Ash.Query.load(:work_item)
    |> Ash.Query.limit(1_000)
    |> Ash.read(ash)
    |> case do
      {:ok, found} -> {:ok, Enum.group_by(found, & &1.depends_on_id, & &1.work_item)}
      error -> error
    end
  end

  defp agents(:priority, _ash), do: {:ok, []}

  defp agents(:assignment, ash) do
    Agent
    |> Ash.Query.filter(status in ^@present and workload < capacity)
    |> Ash.Query.sort(workload: :asc, agent_id: :asc)
    |> Ash.Query.limit(@most_agents)
    |> Ash.Query.load(:team)
    |> Ash.read(ash)
  end

  defp item(item, waiting, now) do
    %{
      work_item_id: item.work_item_id,
      type: item.type,
      description: String.slice(item.description, 0, 300),
      priority: item.priority,
      team: item.team && item.team.name,
      waiting_hours: Float.round(DateTime.diff(now, item.inserted_at, :second) / 3600, 1),
      waited_for_by:
        waiting
        |> Map.get(item.id, [])
        |> Enum.map(&Map.take(&1, [:work_item_id, :priority]))
        |> Enum.sort_by(& &1.work_item_id)
        |> Enum.take(20)
    }
  end

  defp agent(agent) do
    %{
      agent_id: agent.agent_id,
      specialization: agent.specialization,
      team: agent.team && agent.team.name,
      capacity: agent.capacity,
      workload: agent.workload
    }
  end
end
