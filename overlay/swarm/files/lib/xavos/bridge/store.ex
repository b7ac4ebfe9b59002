defmodule Xavos.Bridge.Store do
  @moduledoc false
  # Entries of the bridge's files to and from the database.

  alias Xavos.Coordination
  alias Xavos.Coordination.{Agent, Locks, Team, WorkItem, WorkItemDependency}
  alias Xavos.Coordination.Changes.CountWorkload

  import Ash.Expr

  require Ash.Query

  @held [:claimed, :in_progress, :blocked]

  @type outcome :: :created | :updated | :unchanged | {:error, String.t()}

  # --- to the database ---

  def put_agent(entry, options) do
    transaction([Agent, Team], fn ->
      Locks.hold_shape()

      accepted = %{
        name: entry.name,
        specialization: entry.specialization,
        capacity: entry.capacity,
        team_id: team_id(entry.team, options)
      }

      state = Map.take(entry, [:status, :last_heartbeat_at])

      case locked(Agent, :agent_id, entry.id, options) do
        nil ->
          create(Agent, Map.merge(accepted, %{agent_id: entry.id, state: state}), options)

        %{workload: workload} when workload > entry.capacity ->
          {:error, "capacity is #{entry.capacity}, but it holds #{workload}"}

        agent ->
          update(agent, accepted, state, options)
      end
    end)
  end

  def put_work_item(entry, options) do
    transaction([Agent, Team, WorkItem], fn ->
      Locks.hold_shape()
      team_id = team_id(entry.team, options)

      # Agents before their work, as everybody locks them; where both have to be locked, by their ids.
      seen = Ash.get!(WorkItem, %{work_item_id: entry.id}, [error?: false] ++ options)
      holder = holder(entry, seen, options)
      before = locked(WorkItem, :work_item_id, entry.id, options)

      with :ok <- same_holder(seen, before),
           :ok <- not_over(before, entry),
           :ok <- room(holder, before, entry) do
        entry
        |> write_work_item(before, team_id, holder, options)
        |> counted([before && before.agent_id, holder && holder.id], options)
      end
    end)
  end

  defp counted(:unchanged, _holders, _options), do: :unchanged

  defp counted(outcome, holders, options) do
    count_workloads(holders, options)
    outcome
  end

  @state [:status, :progress, :result, :reason, :claimed_at, :started_at, :finished_at]

  defp write_work_item(entry, before, team_id, holder, options) do
    accepted = entry |> Map.take([:type, :description, :priority]) |> Map.put(:team_id, team_id)
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
       when status in [:completed, :cancelled] and other != status,
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

  # Locked, and so is who holds it at the moment.
  defp holder(%{agent_id: name}, seen, options) do
    locked =
      Agent
      |> Ash.Query.filter(agent_id in ^List.wrap(name) or id in ^List.wrap(seen && seen.agent_id))
      |> Ash.Query.sort(:id)
      |> Ash.Query.lock("FOR UPDATE")
      |> Ash.read!(options)

    if name do
      Enum.find(locked, &(&1.agent_id == name)) ||
        Coordination.register_agent!(%{agent_id: name, name: name}, options)
    end
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
      {:ok, outcome} -> outcome
      {:error, reason} when is_binary(reason) -> {:error, reason}
      {:error, error} -> {:error, reason(error)}
    end
  rescue
    error in [Ash.Error.Invalid, Ash.Error.Forbidden, Ash.Error.Unknown] ->
      {:error, reason(error)}
  end

  # The first line of each error, without its stack of where it happened.
  defp reason(%{errors: [_ | _] = errors}), do: Enum.map_join(errors, "; ", &reason/1)

  defp reason(%{field: field} = error) when is_atom(field) and not is_nil(field),
    do: "#{field} #{message(error)}"

  defp reason(error), do: message(error)

  defp message(%{message: message, vars: vars}) when is_binary(message) do
    Enum.reduce(vars || [], message, fn {name, value}, message ->
      String.replace(message, "%{#{name}}", to_string(value))
    end)
  end

  defp message(error), do: error |> Exception.message() |> String.split("\n") |> hd()

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
