defmodule Xavos.Bridge.Format do
  @moduledoc """
  The format of the two files of Scrum at Scale: valid entries and their meaning.

  Nothing here touches the database. `read/2` gives every entry that can be understood, as a map of what
  `Xavos.Bridge` needs, and for every other one a problem: the file, the place in it, and the reason.

  An entry is what is made where there is no such item or agent yet. Of one that is there, it changes what it names (its
  `named`; see `over/2`), also to nothing, where `null` is in the field.

  ## work_claims.json

  | field | | also read as |
  |---|---|---|
  | `work_item_id` | required | `id`, `work_id` |
  | `agent_id` | who holds it or has finished it | `claimed_by`, `assignee` |
  | `type` | `task` where missing | `work_type` |
  | `description` | the id where missing | `title`, `summary` |
  | `priority` | `low`, `medium`, `high`, `critical` | `normal`; `urgent`; capitals |
  | `status` | `pending`, `claimed`, `in_progress`, `blocked`, `completed`, `failed`, `cancelled` | see below |
  | `progress` | 0 to 100 | `"50%"`, `"50"`, `50.0` |
  | `team` | a team's name | its title: lower case, `-` for what a name cannot have |
  | `depends_on` | work_item_ids | `dependencies` |
  | `claimed_at`, `started_at`, `completed_at`, `created_at` | ISO 8601, UTC where no zone is given | seconds or milliseconds since 1970; `finished_at`, `inserted_at` |
  | `result` | an object | anything else, as `{"outcome": …}` |
  | `reason` | why it is blocked, has failed or was cancelled | `blocked_reason`, `error` |

  Statuses are also understood as `active` and `assigned` (claimed), `open`, `todo`, `available` and `ready` (pending),
  `working`, `running` and `started` (in progress), `done`, `finished` and `success` (completed), `error` (failed),
  `canceled` and `aborted` (cancelled).

  ## agent_status.json

  | field | | also read as |
  |---|---|---|
  | `agent_id` | required | `id` |
  | `name` | the agent_id where missing | `agent_name` |
  | `team` | | as above |
  | `specialization` | | `specialisation`, `role` |
  | `status` | `registering`, `active`, `busy`, `idle`, `maintenance`, `offline` | `working`, `online`, `available`, `inactive`, `down` |
  | `capacity` | 1 to 100; 1 where missing | `max_capacity` |
  | `current_workload` | checked, then counted from the work that the agent holds | `workload` |
  | `last_heartbeat` | as above | `last_heartbeat_at`, `last_seen` |

  A file is an array of entries, an object with the array under its own name (`work_claims`, `claims`, `work_items`,
  `items`; `agent_status`, `agents`), or an object of entries by their id. Other fields are ignored.
  """

  alias Xavos.Coordination.Statuses

  @files %{work_claims: "work_claims.json", agent_status: "agent_status.json"}

  @ids %{
    work_claims: ~w(work_item_id work_id id),
    agent_status: ~w(agent_id id)
  }

  @wrappers %{
    work_claims: ~w(work_claims claims work_items items),
    agent_status: ~w(agent_status agents)
  }

  @work_statuses %{
    pending: ~w(pending open todo available ready unclaimed),
    claimed: ~w(claimed active assigned),
    in_progress: ~w(in_progress working running started),
    blocked: ~w(blocked),
    completed: ~w(completed complete done finished success),
    failed: ~w(failed failure error),
    cancelled: ~w(cancelled canceled aborted)
  }

  @agent_statuses %{
    registering: ~w(registering new),
    active: ~w(active online available ready),
    busy: ~w(busy working),
    idle: ~w(idle),
    maintenance: ~w(maintenance),
    offline: ~w(offline inactive down stopped)
  }

  @priorities %{
    low: ~w(low minor),
    medium: ~w(medium normal),
    high: ~w(high major),
    critical: ~w(critical urgent)
  }

  @held Statuses.held()
  @finished Statuses.finished()

  # What everything has: nothing in its place says nothing about it.
  @always_there [:type, :description, :priority, :status, :progress, :inserted_at, :depends_on]

  @type kind :: :work_claims | :agent_status
  @type problem :: %{
          file: String.t(),
          place: String.t(),
          id: String.t() | nil,
          reason: String.t()
        }

  @doc "The name of a file in its folder."
  @spec file(kind) :: String.t()
  def file(kind), do: Map.fetch!(@files, kind)

  @doc "The entries of a file's text, and its problems, both in the order of the file."
  @spec read(kind, String.t()) :: {[map], [problem]}
  def read(kind, text) do
    with {:ok, json} <- decode(text),
         {:ok, raw} <- unwrap(kind, json) do
      raw |> Enum.map(&entry(kind, &1)) |> once_each(kind) |> split(kind)
    else
      {:error, reason} -> {[], [%{file: file(kind), place: "", id: nil, reason: reason}]}
    end
  end

  defp decode(text) do
    case text |> String.trim_leading("\uFEFF") |> Jason.decode() do
      {:ok, json} -> {:ok, json}
      {:error, error} -> {:error, "is not JSON: #{Exception.message(error)}"}
    end
  end

  defp unwrap(_kind, list) when is_list(list) do
    {:ok, Enum.with_index(list, fn raw, index -> {"[#{index}]", raw} end)}
  end

  defp unwrap(kind, %{} = object) do
    case Enum.find(@wrappers[kind], &is_list(object[&1])) do
      nil -> unwrap_by_id(kind, object)
      key -> {:ok, Enum.with_index(object[key], fn raw, index -> {"#{key}[#{index}]", raw} end)}
    end
  end

  defp unwrap(_kind, _other), do: {:error, "is neither an array nor an object"}

  defp unwrap_by_id(kind, object) do
    if Enum.all?(object, fn {_id, raw} -> is_map(raw) end) do
      {:ok,
       for {id, raw} <- Enum.sort(object) do
         {"[#{inspect(id)}]", Map.put_new(raw, hd(@ids[kind]), id)}
       end}
    else
      {:error, "is an object without an array of entries"}
    end
  end

  # {place, id, {:ok, entry} | {:error, field, reason}}
  defp entry(kind, {place, %{} = raw}) do
    id = first(raw, @ids[kind])

    case build(kind, raw) do
      {:ok, entry} -> {place, entry.id, {:ok, Map.put(entry, :place, place)}}
      {:error, field, reason} -> {place, if(is_binary(id), do: id), {:error, field, reason}}
    end
  end

  defp entry(_kind, {place, _raw}), do: {place, nil, {:error, nil, "is not an object"}}

  # Of two entries with one id, which is right? The first is taken, and the second reported.
  defp once_each(entries, _kind) do
    {entries, _seen} =
      Enum.map_reduce(entries, MapSet.new(), fn
        {place, id, {:ok, _entry}} = read, seen ->
          if id in seen,
            do: {{place, id, {:error, nil, "is there twice; the first was taken"}}, seen},
            else: {read, MapSet.put(seen, id)}

        unreadable, seen ->
          {unreadable, seen}
      end)

    entries
  end

  defp split(entries, kind) do
    {good, bad} = Enum.split_with(entries, &match?({_place, _id, {:ok, _entry}}, &1))

    problems =
      for {place, id, {:error, field, reason}} <- bad do
        place = if field, do: "#{place}.#{field}", else: place
        %{file: file(kind), place: place, id: id, reason: reason}
      end

    {Enum.map(good, fn {_place, _id, {:ok, entry}} -> entry end), problems}
  end

  defp build(:work_claims, raw) do
    with {:ok, id} <- identifier(raw, @ids.work_claims, ~r/\A[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}\z/),
         {:ok, fields} <- fields(raw, claim_fields()) do
      fields = Map.put(fields, :result, result(raw["result"]))
      named = named(raw, [{:result, {["result"], nil}} | claim_fields()])

      {:ok,
       fields
       |> default(status: if(fields.agent_id, do: :claimed, else: :pending))
       |> default(type: "task", description: id, priority: :medium, progress: 0, depends_on: [])
       |> as_far_as()
       |> Map.merge(%{id: id, named: Map.take(fields, named)})}
    end
  end

  defp build(:agent_status, raw) do
    with {:ok, id} <- identifier(raw, @ids.agent_status, ~r/\A[a-z0-9][a-z0-9_.-]{0,99}\z/),
         {:ok, fields} <- fields(raw, agent_fields()),
         {:ok, %{workload: workload}} <-
           fields(raw,
             workload: {~w(current_workload workload), &number(&1, 0..(fields.capacity || 100))}
           ) do
      {:ok,
       fields
       |> default(name: id, status: :registering, capacity: max(workload || 1, 1))
       |> Map.merge(%{id: id, named: Map.take(fields, named(raw, agent_fields()))})}
    end
  end

  # Of each field: its names, and how it is read.
  defp claim_fields do
    [
      agent_id: {~w(agent_id claimed_by assignee), &agent_id/1},
      type: {~w(type work_type), &text(&1, 100)},
      description: {~w(description title summary), &text(&1, 10_000)},
      priority: {~w(priority), &one_of(&1, @priorities)},
      status: {~w(status), &one_of(&1, @work_statuses)},
      progress: {~w(progress), &progress/1},
      team: {~w(team), &team/1},
      depends_on: {~w(depends_on dependencies), &ids/1},
      inserted_at: {~w(created_at inserted_at), &time/1},
      claimed_at: {~w(claimed_at), &time/1},
      started_at: {~w(started_at), &time/1},
      finished_at: {~w(completed_at finished_at), &time/1},
      reason: {~w(reason blocked_reason error), &text(&1, 1_000)}
    ]
  end

  defp agent_fields do
    [
      name: {~w(name agent_name), &text(&1, 200)},
      team: {~w(team), &team/1},
      specialization: {~w(specialization specialisation role), &text(&1, 100)},
      status: {~w(status), &one_of(&1, @agent_statuses)},
      capacity: {~w(capacity max_capacity), &number(&1, 1..100)},
      last_heartbeat_at: {~w(last_heartbeat last_heartbeat_at last_seen), &time/1}
    ]
  end

  # --- what an entry makes of what there is ---

  @doc """
  An entry laid over what is known: what it does not name stays, and what no longer belongs to a status that it names
  goes, as it does where XAVOS itself takes an item there. Without anything known it is the entry itself.
  """
  @spec over(map, map | nil) :: {:ok, map} | {:error, atom, String.t()}
  def over(entry, nil), do: held_by_somebody(entry)

  def over(%{named: named} = entry, known) do
    named = Map.reject(named, fn {field, value} -> value == nil and field in @always_there end)
    status = status(named, known)

    known
    |> Map.merge(left_behind(known, status))
    |> Map.merge(named)
    |> Map.merge(%{id: entry.id, status: status})
    |> as_far_as()
    |> held_by_somebody()
  end

  # Whoever is named without a status holds what waited; where nobody is, what was held waits.
  defp status(%{status: status}, _known), do: status
  defp status(%{agent_id: nil}, %{status: status}) when status in @held, do: :pending

  defp status(%{agent_id: agent_id}, %{status: :pending}) when agent_id != nil, do: :claimed
  defp status(_named, %{status: status}), do: status

  defp left_behind(%{status: status}, status), do: %{}
  defp left_behind(_known, :pending), do: %{reason: nil, progress: 0}
  defp left_behind(_known, _status), do: %{reason: nil}

  # What an item of a status has: nobody holds what waits, nothing is finished that is not over.
  defp as_far_as(%{status: :completed} = entry), do: %{entry | progress: 100}
  defp as_far_as(%{status: status} = entry) when status in @finished, do: entry
  defp as_far_as(%{status: status} = entry) when status in @held, do: %{entry | finished_at: nil}

  defp as_far_as(entry),
    do: %{entry | agent_id: nil, claimed_at: nil, started_at: nil, finished_at: nil}

  # --- fields ---

  defp identifier(raw, names, pattern) do
    case first(raw, names) do
      nil ->
        {:error, hd(names), "is missing"}

      id ->
        if is_binary(id) and id =~ pattern,
          do: {:ok, id},
          else: {:error, hd(names), "#{shown(id)} is not an id"}
    end
  end

  # nil and "" are one and the same; for an entry of what is not known yet, so is a field that is not there.
  defp optional(raw, names, read) do
    case Enum.find(names, &(raw[&1] not in [nil, ""])) do
      nil -> {:ok, nil}
      name -> with {:error, reason} <- read.(raw[name]), do: {:error, name, reason}
    end
  end

  # The fields that are there, under whichever name, also with nothing in them.
  defp named(raw, table) do
    for {field, {names, _read}} <- table, Enum.any?(names, &is_map_key(raw, &1)), do: field
  end

  # All fields, or the first that is wrong.
  defp fields(raw, table) do
    Enum.reduce_while(table, {:ok, %{}}, fn {field, {names, read}}, {:ok, fields} ->
      case optional(raw, names, read) do
        {:ok, value} -> {:cont, {:ok, Map.put(fields, field, value)}}
        error -> {:halt, error}
      end
    end)
  end

  defp default(fields, defaults) do
    Map.merge(fields, Map.new(defaults), fn _name, value, default ->
      if is_nil(value), do: default, else: value
    end)
  end

  defp first(raw, names), do: Enum.find_value(names, &raw[&1])

  defp agent_id(value) do
    if is_binary(value) and value =~ ~r/\A[a-z0-9][a-z0-9_.-]{0,99}\z/,
      do: {:ok, value},
      else: {:error, "#{shown(value)} is not an id of an agent"}
  end

  defp text(value, longest) when is_binary(value) do
    cond do
      String.contains?(value, "\0") -> {:error, "has a NUL character"}
      String.trim(value) == "" -> {:ok, nil}
      String.length(String.trim(value)) > longest -> {:error, "is longer than #{longest}"}
      # As Ash stores it.
      true -> {:ok, String.trim(value)}
    end
  end

  defp text(value, _longest), do: {:error, "#{shown(value)} is not text"}

  defp one_of(value, known) when is_binary(value) do
    word = value |> String.trim() |> String.downcase() |> String.replace(~r/[\s-]+/, "_")

    case Enum.find(known, fn {_name, words} -> word in words end) do
      {name, _words} -> {:ok, name}
      nil -> {:error, "#{shown(value)} is not known"}
    end
  end

  defp one_of(value, _known), do: {:error, "#{shown(value)} is not text"}

  defp progress(value) when is_binary(value) do
    case value |> String.trim() |> String.trim_trailing("%") |> String.trim() |> Float.parse() do
      {number, ""} -> progress(number)
      _ -> {:error, "#{shown(value)} is not a percentage"}
    end
  end

  defp progress(value) when is_number(value) and value >= 0 and value <= 100,
    do: {:ok, round(value)}

  defp progress(value), do: {:error, "#{shown(value)} is not from 0 to 100"}

  defp number(value, range) when is_binary(value) do
    case Integer.parse(value) do
      {number, ""} -> number(number, range)
      _ -> {:error, "#{shown(value)} is not a number"}
    end
  end

  defp number(value, range) do
    if is_integer(value) and value in range,
      do: {:ok, value},
      else: {:error, "#{shown(value)} is not from #{range.first} to #{range.last}"}
  end

  defp team(value) when is_binary(value) do
    name =
      value
      |> String.trim()
      |> String.downcase()
      |> String.replace(~r/[^a-z0-9_.-]+/, "-")
      |> String.replace(~r/\A[^a-z0-9]+|-+\z/, "")

    if name == "" or String.length(name) > 100,
      do: {:error, "#{shown(value)} makes no name of a team"},
      else: {:ok, name}
  end

  defp team(value), do: {:error, "#{shown(value)} is not text"}

  defp ids(values) when is_list(values) do
    if Enum.all?(values, &is_binary/1),
      do: {:ok, Enum.uniq(values)},
      else: {:error, "is not an array of ids"}
  end

  defp ids(_value), do: {:error, "is not an array of ids"}

  defp time(value) when is_binary(value) do
    with {:error, _reason} <- DateTime.from_iso8601(value),
         {:error, _reason} <- naive(value) do
      {:error, "#{shown(value)} is not a time"}
    else
      {:ok, time, _offset} -> {:ok, to_microseconds(time)}
      {:ok, time} -> {:ok, to_microseconds(time)}
    end
  end

  # Milliseconds since 1970 have been more than this since March 1973, seconds will not be for 3000 years.
  defp time(value) when is_integer(value) and value > 0 and value < 100_000_000_000_000 do
    unit = if value > 100_000_000_000, do: :millisecond, else: :second
    {:ok, value |> DateTime.from_unix!(unit) |> to_microseconds()}
  end

  defp time(value), do: {:error, "#{shown(value)} is not a time"}

  defp naive(value) do
    with {:ok, naive} <- NaiveDateTime.from_iso8601(value),
         do: DateTime.from_naive(naive, "Etc/UTC")
  end

  # The same moment is always the same value.
  defp to_microseconds(time) do
    time |> DateTime.to_unix(:microsecond) |> DateTime.from_unix!(:microsecond)
  end

  defp result(nil), do: nil
  defp result(%{} = result), do: result
  defp result(other), do: %{"outcome" => other}

  defp held_by_somebody(%{status: status, agent_id: nil}) when status in @held,
    do: {:error, :agent_id, "is missing, but the work is #{status}"}

  defp held_by_somebody(entry), do: {:ok, entry}

  defp shown(value), do: inspect(value, limit: 5, printable_limit: 60)

  # --- writing ---

  @doc "The text of a file with these entries, each a keyword list, in this order."
  @spec write([keyword]) :: iodata
  def write(entries) do
    [
      entries |> Enum.map(&Jason.OrderedObject.new/1) |> Jason.encode_to_iodata!(pretty: true),
      "\n"
    ]
  end
end
