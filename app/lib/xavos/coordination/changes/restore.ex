defmodule Xavos.Coordination.Changes.Restore do
  @moduledoc "Writes the attributes in the argument `state`, including those that no other action writes."
  use Ash.Resource.Change

  alias Ash.Changeset

  @impl true
  def change(changeset, _options, _context) do
    Changeset.force_change_attributes(changeset, Changeset.get_argument(changeset, :state) || %{})
  end
end
