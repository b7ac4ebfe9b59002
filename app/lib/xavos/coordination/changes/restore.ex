defmodule Xavos.Coordination.Changes.Restore do
  @moduledoc "Writes the attributes of the argument `state`, also those that no other action would write."
  use Ash.Resource.Change

  alias Ash.Changeset

  @impl true
  def change(changeset, _options, _context) do
    Changeset.force_change_attributes(changeset, Changeset.get_argument(changeset, :state) || %{})
  end
end
