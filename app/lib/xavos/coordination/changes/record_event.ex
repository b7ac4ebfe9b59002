defmodule Xavos.Coordination.Changes.RecordEvent do
  @moduledoc """
  Records an action as a `Xavos.Coordination.CoordinationEvent` in the same transaction.

  Actions that only count (heartbeats, an agent's workload) are not recorded: what they are part of is.
  """
  use Ash.Resource.Change

  alias Ash.{Changeset, Resource}
  alias Xavos.Coordination

  @quiet [
    :heartbeat,
    :take_on,
    :lay_down,
    :take_on_more,
    :rerank,
    :count_dependencies,
    :count_workload
  ]
  @names [:work_item_id, :agent_id, :name]

  @impl true
  def change(%Changeset{action: %{name: name}} = changeset, _options, _context)
      when name in @quiet,
      do: changeset

  def change(changeset, _options, context) do
    Changeset.after_action(changeset, fn changeset, record ->
      with {:ok, _event} <- record_event(changeset, record, context.actor), do: {:ok, record}
    end)
  end

  defp record_event(changeset, record, actor) do
    type = Resource.Info.short_name(record.__struct__)

    Coordination.record_event(
      %{
        kind: "#{type}.#{changeset.action.name}",
        subject_type: to_string(type),
        subject_id: Enum.find_value(@names, &Map.get(record, &1)),
        actor: actor_name(actor),
        data: changed(changeset)
      },
      # The event is the system's own; whether the action was allowed has been decided before it ran.
      authorize?: false
    )
  end

  defp changed(changeset) do
    for {name, value} <- changeset.attributes,
        attribute = Resource.Info.attribute(changeset.resource, name),
        attribute.public? and not attribute.sensitive?,
        attribute.type not in [Ash.Type.UtcDatetimeUsec],
        into: %{},
        do: {name, value}
  end

  defp actor_name(nil), do: "system"
  defp actor_name(%{email: email}) when not is_nil(email), do: to_string(email)
  defp actor_name(%{agent_id: agent_id}), do: agent_id
  defp actor_name(actor), do: inspect(actor.__struct__)

  # What is not recorded can be done to many at once.
  @impl true
  def atomic(%Changeset{action: %{name: name}} = changeset, _options, _context)
      when name in @quiet,
      do: {:ok, changeset}

  def atomic(_changeset, _options, _context), do: {:not_atomic, "an event is recorded"}
end
