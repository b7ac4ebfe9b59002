defmodule Xavos.Bridge.Store do
  @moduledoc false
  # Entries of the bridge's files to and from the database.

  alias Xavos.Bridge.Format
  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, Locks, Statuses, Team, WorkItem, WorkItemDependency}
  alias Xavos.Coordination.Changes.CountWorkload
  alias Xavos.ErrorMessages

  import Ash.Expr

  require Ash.Query

  @held Statuses.held()
  @closed Statuses.closed()

  @state [:status, :progress, :result, :reason, :claimed_at, :started_at, :finished_at]
  @accepted_of_agent [:name, :specialization, :capacity]
  @state_of_agent [:status, :last_heartbeat_at]

  @type outcome ::
          :created | :updated | :unchanged | {:error, String.t()} | {:error, atom, String.t()}

  # --- to the database ---

  def put_agent(entry, options) do
    transaction([Agent, Team], fn ->
      Locks.hold_shape()

      case locked(Agent, :agent_id, entry.id, options) do
        nil ->
          accepted =
            entry |> accepted(@accepted_of_agent, options) |> Map.put(:agent_id, entry.id)

          create(Agent, Map.put(accepted, :state, Map.take(entry, @state_of_agent)), options)

        agent ->
          update_agent(agent, said(entry), options)
      end
    end)
  end

  # What an entry says of an agent that is there: names and the like can be changed, not taken away.
  defp said(%{named: named}) do
    Map.reject(named, fn {field, value} ->
      value == nil and field in [:name, :capacity, :status]
    end)
  end

  defp update_agent(%{workload: workload}, %{capacity: capacity}, _options)
       when workload > capacity,
       do: {:error, "capacity is #{capacity}, but it holds #{workload}"}

  defp update_agent(agent, said, options) do
    accepted = accepted(said, @accepted_of_agent, options)
    update(agent, accepted, Map.take(said, @state_of_agent), options)
  end

  # The fields that are given, and the team by its id where one is named.
  defp accepted(fields, names, options) do
    accepted = Map.take(fields, names)

    case fields do
      %{team: name} -> Map.put(accepted, :team_id, team_id(name, options))
      _unnamed -> accepted
    end
  end

  def put_work_item(entry, options) do
    transaction([Agent, Team, WorkItem], fn ->
      Locks.hold_shape()

      # Agents before their work, as everybody locks them; where both have to be locked, by their ids.
      seen = Ash.get!(WorkItem, %{work_item_id: entry.id}, [error?: false] ++ options)
      agents = lock_agents(entry, seen, options)
      before = locked(WorkItem, :work_item_id, entry.id, options)

      with :ok <- same_holder(seen, before),
           {:ok, entry} <- over(entry, known(before, agents)),
           :ok <- not_over(before, entry),
           holder = holder(entry, agents, options),
           :ok <- room(holder, before, entry) do
        entry
        |> write_work_item(before, holder, options)
        |> counted([before && before.agent_id, holder && holder.id], options)
      end
    end)
  end

  # Nothing has been written by then, so there is nothing to roll back; of an error Ash keeps no field.
  defp over(entry, known) do
    with {:error, field, reason} <- Format.over(entry, known), do: {:refused, field, reason}
  end

  @known [:type, :description, :priority, :inserted_at] ++ @state

  # What is there, in the fields of an entry. A team that is not named stays, whichever it is.
  defp known(nil, _agents), do: nil

  defp known(item, agents) do
    holder = Enum.find(agents, &(&1.id == item.agent_id))
    item |> Map.take(@known) |> Map.put(:agent_id, holder && holder.agent_id)
  end

  defp counted(:unchanged, _holders, _options), do: :unchanged

  defp counted(outcome, holders, options) do
    count_workloads(holders, options)
    outcome
  end

  defp write_work_item(entry, before, holder, options) do
    accepted = accepted(entry, [:type, :description, :priority], options)
    state = entry |> Map.take(@state) |> Map.put(:agent_id, holder && holder.id)
    # A file need not know when an item was added.
    state = if entry.inserted_at, do: Map.put(state, :inserted_at, entry.inserted_at), else: state

    if before,
      do: update(before, accepted, state, options),
      else:
        create(WorkItem, Map.merge(accepted, %{work_item_id: entry.id, state: state}), options)
  end

  def put_dependency(%{id: id, depends_on: name}, options) do
    transaction([WorkItem], fn ->
      Locks.reshape()

      with {:ok, item} <- find(id, options),
           {:ok, other} <- find(name, options),
           do: add_dependency(item, other, options)
    end)
  end

  defp add_dependency(item, other, options) do
    known? =
      WorkItemDependency
      |> Ash.Query.filter(work_item_id == ^item.id and depends_on_id == ^other.id)
      |> Ash.exists?(options)

    if known? do
      :unchanged
    else
      Coordination.add_dependency!(item.id, other.id, options)
      :created
    end
  end

  defp find(id, options) do
    case Ash.get(WorkItem, %{work_item_id: id}, [error?: false] ++ options) do
      {:ok, nil} -> {:error, "there is no work item #{id}"}
      other -> other
    end
  end

  # What is completed stays so: the file was written before.
  defp not_over(%{status: status}, %{status: other})
       when status in @closed and other != status,
       do: {:error, "is #{other} here, but has been #{status}"}

  defp not_over(_before, _entry), do: :ok

  defp room(_holder, _before, %{status: status}) when status not in @held, do: :ok
  defp room(%{id: id}, %{agent_id: id, status: status}, _entry) when status in @held, do: :ok

  defp room(holder, _before, _entry) do
    if CountWorkload.held_by(holder.id) < holder.capacity,
      do: :ok,
      else: {:error, "#{holder.agent_id} has no room: it can hold #{holder.capacity}"}
  end

  defp same_holder(seen, before) when seen == nil or seen.agent_id == before.agent_id, do: :ok

  defp same_holder(_seen, _before),
    do: {:error, "somebody else has it since a moment ago; try again"}

  # Who is to hold it, and who does at the moment.
  defp lock_agents(%{agent_id: name}, seen, options) do
    Agent
    |> Ash.Query.filter(agent_id in ^List.wrap(name) or id in ^List.wrap(seen && seen.agent_id))
    |> Ash.Query.sort(:id)
    |> Ash.Query.lock("FOR UPDATE")
    |> Ash.read!(options)
  end

  defp holder(%{agent_id: nil}, _agents, _options), do: nil

  defp holder(%{agent_id: name}, agents, options) do
    Enum.find(agents, &(&1.agent_id == name)) ||
      Coordination.register_agent!(%{agent_id: name, name: name}, options)
  end

  defp team_id(nil, _options), do: nil

  defp team_id(name, options) do
    case Ash.get!(Team, %{name: name}, [error?: false] ++ options) do
      nil -> Coordination.create_team!(%{name: name}, options).id
      team -> team.id
    end
  end

  defp locked(resource, key, id, options) do
    resource
    |> Ash.Query.filter(^ref(key) == ^id)
    |> Ash.Query.lock("FOR UPDATE")
    |> Ash.read_one!(options)
  end

  defp count_workloads(ids, options) do
    for id <- ids |> Enum.reject(&is_nil/1) |> Enum.uniq() |> Enum.sort() do
      id
      |> Coordination.get_agent!(options)
      |> Ash.Changeset.for_update(:count_workload, %{}, options)
      |> Ash.update!()
    end
  end

  defp create(resource, attributes, options) do
    resource |> Ash.Changeset.for_create(:restore, attributes, options) |> Ash.create!()
    :created
  end

  defp update(record, accepted, state, options) do
    if Enum.all?(Map.merge(accepted, state), fn {name, value} ->
         same?(Map.get(record, name), value)
       end) do
      :unchanged
    else
      record
      |> Ash.Changeset.for_update(:restore_again, Map.put(accepted, :state, state), options)
      |> Ash.update!()

      :updated
    end
  end

  defp same?(%DateTime{} = one, %DateTime{} = other), do: DateTime.compare(one, other) == :eq
  defp same?(one, other), do: one == other

  # What is raised undoes the entry; what is said of it goes into the report.
  defp transaction(resources, function) do
    case Ash.transact(resources, function) do
      {:ok, {:refused, field, reason}} -> {:error, field, reason}
      {:ok, outcome} -> outcome
      {:error, reason} when is_binary(reason) -> {:error, reason}
      {:error, error} -> {:error, reason(error)}
    end
  rescue
    error in [Ash.Error.Invalid, Ash.Error.Forbidden, Ash.Error.Unknown] ->
      {:error, reason(error)}
  end

  defp reason(error), do: ErrorMessages.join(error, &ErrorMessages.with_field/1)

  # --- from the database ---

  def work_claim(item) do
    [
      work_item_id: item.work_item_id,
      agent_id: item.agent && item.agent.agent_id,
      type: item.type,
      description: item.description,
      priority: item.priority,
      status: item.status,
      progress: item.progress,
      team: item.team && item.team.name,
      depends_on: item.depends_on |> Enum.map(& &1.work_item_id) |> Enum.sort(),
      created_at: item.inserted_at,
      claimed_at: item.claimed_at,
      started_at: item.started_at,
      completed_at: item.finished_at,
      result: item.result,
      reason: item.reason
    ]
  end

  def agent_status(agent) do
    [
      agent_id: agent.agent_id,
      name: agent.name,
      team: agent.team && agent.team.name,
      specialization: agent.specialization,
      status: agent.status,
      current_workload: agent.workload,
      capacity: agent.capacity,
      last_heartbeat: agent.last_heartbeat_at
    ]
  end
end
