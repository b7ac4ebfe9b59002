defmodule Xavos.Coordination.Changes.SetAccount do
  @moduledoc "Sets the account of a new record to the agent account that creates it."
  use Ash.Resource.Change

  alias Ash.Changeset

  @impl true
  def change(changeset, _options, %{actor: %Xavos.Accounts.User{role: :agent, id: id}}),
    do: Changeset.force_change_attribute(changeset, :account_id, id)

  def change(changeset, _options, _context), do: changeset
end
