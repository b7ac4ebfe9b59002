defmodule Xavos.Coordination.Changes.TakeOn do
  @moduledoc "Raises the workload of a locked agent by the argument `count`."
  use Ash.Resource.Change

  alias Ash.Changeset

  @impl true
  def change(%{data: agent} = changeset, _options, _context) do
    workload = agent.workload + (Changeset.get_argument(changeset, :count) || 0)
    status = if workload >= agent.capacity, do: :busy, else: :active

    Changeset.force_change_attributes(changeset,
      workload: workload,
      status: status,
      # Whoever asks for work is there.
      last_heartbeat_at: DateTime.utc_now()
    )
  end
end
