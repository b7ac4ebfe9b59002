defmodule Xavos.Coordination.Actions.Claim do
  @moduledoc """
  Gives an agent work, in one transaction:

    1. the agent's row is locked, so that its status and room are what they are until the end;
    2. the best items are locked, and those that others have just locked are skipped: nobody waits, and nobody gets what
       somebody else gets;
    3. each is claimed (`WorkItem`'s action `claim`: an event, a version), and the agent takes them on.

  Whoever is killed on the way has claimed nothing.
  """
  use Ash.Resource.Actions.Implementation

  alias Ash.Error.Changes.InvalidArgument
  alias Ash.Error.Query.NotFound
  alias Xavos.Coordination.{Agent, Statuses, WorkItem}

  require Ash.Query

  @available Statuses.available()

  @impl true
  def run(input, options, context) do
    %{agent_id: agent_id} = arguments = input.arguments

    with {:ok, agent} <- lock(agent_id),
         :ok <- works(agent),
         {:ok, limit} <- room(agent, Map.get(arguments, :limit, 1)),
         {:ok, items} <- best(agent, limit, arguments[:types]),
         {:ok, items} <- assign(items, agent, context) do
      {:ok, if(options[:one?], do: List.first(items), else: items)}
    end
  end

  # Whether the actor may act for the agent has been decided by the policies of the action.
  defp lock(agent_id) do
    Agent
    |> Ash.Query.filter(agent_id == ^agent_id)
    |> Ash.Query.lock("FOR NO KEY UPDATE")
    |> Ash.read_one(authorize?: false)
    |> case do
      {:ok, nil} ->
        {:error, NotFound.exception(resource: Agent, primary_key: %{agent_id: agent_id})}

      other ->
        other
    end
  end

  defp works(%{status: status}) when status in @available, do: :ok

  defp works(agent), do: {:error, refused(agent, "is #{agent.status} and takes no work")}

  defp room(%{capacity: capacity, workload: workload}, limit) when workload < capacity,
    do: {:ok, min(limit, capacity - workload)}

  defp room(agent, _limit),
    do: {:error, refused(agent, "has no room: it holds #{agent.workload} of #{agent.capacity}")}

  defp refused(agent, message),
    do: InvalidArgument.exception(field: :agent_id, message: message, value: agent.agent_id)

  defp best(agent, limit, types) do
    WorkItem
    |> Ash.Query.filter(ready?)
    |> for_team(agent.team_id)
    |> of_types(types)
    |> Ash.Query.sort(rank: :asc, id: :asc)
    |> Ash.Query.limit(limit)
    |> Ash.Query.lock("FOR UPDATE SKIP LOCKED")
    |> Ash.read(authorize?: false)
  end

  defp for_team(query, nil), do: Ash.Query.filter(query, is_nil(team_id))

  defp for_team(query, team_id),
    do: Ash.Query.filter(query, is_nil(team_id) or team_id == ^team_id)

  defp of_types(query, nil), do: query
  defp of_types(query, types), do: Ash.Query.filter(query, type in ^types)

  defp assign([], _agent, _context), do: {:ok, []}

  defp assign(items, agent, context) do
    options = [actor: context.actor, authorize?: false]

    with {:ok, items} <- assign_each(items, agent, options),
         {:ok, _agent} <- take_on(agent, length(items), options),
         do: {:ok, items}
  end

  defp assign_each(items, agent, options) do
    Enum.reduce_while(items, {:ok, []}, fn item, {:ok, done} ->
      case claim(item, agent, options) do
        {:ok, item} -> {:cont, {:ok, [item | done]}}
        {:error, error} -> {:halt, {:error, error}}
      end
    end)
    |> case do
      {:ok, done} -> {:ok, Enum.reverse(done)}
      error -> error
    end
  end

  defp claim(item, agent, options) do
    item
    |> Ash.Changeset.for_update(:claim, %{agent_id: agent.id}, options)
    |> Ash.update()
  end

  defp take_on(agent, count, options) do
    agent
    |> Ash.Changeset.for_update(:take_on_more, %{count: count}, options)
    |> Ash.update()
  end
end
