defmodule Xavos.Coordination.Changes.Transition do
  @moduledoc """
  Moves a record to another state: `{Transition, to: :blocked}`, or without `to` to the status in the action's
  input.

    * `set:` attributes and their values, or functions that give one;
    * `set_missing:` the same, for those that have none yet;
    * `set_arguments:` attributes that get the value of the argument of their name.

  The record is locked and read again first: whether the way is open, and what changes, is decided by what is, not by what
  somebody has read.
  """
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Coordination.{Agent, Locks, WorkItem}

  @impl true
  def change(changeset, options, _context) do
    target = options[:to] || Changeset.get_attribute(changeset, :status)

    Changeset.before_action(changeset, fn changeset ->
      case lock(changeset.data) do
        {:ok, record} ->
          %{changeset | data: record}
          |> AshStateMachine.transition_state(target)
          |> Changeset.force_change_attributes(values(record, changeset, options))

        {:error, error} ->
          Changeset.add_error(changeset, error)
      end
    end)
  end

  defp values(record, changeset, options) do
    arguments =
      for name <- options[:set_arguments] || [],
          do: {name, Changeset.get_argument(changeset, name)}

    missing =
      for {name, value} <- options[:set_missing] || [],
          Map.get(record, name) == nil,
          do: {name, value}

    for {name, value} <- (options[:set] || []) ++ missing ++ arguments,
        do: {name, if(is_function(value, 0), do: value.(), else: value)}
  end

  defp lock(%Agent{id: id}), do: Locks.agent(id)
  defp lock(%WorkItem{} = item), do: Locks.work_item(item)
end
