defmodule Xavos.Accounts.User.TellOfRole do
  @moduledoc "Tells the open pages of a user that the user's role has changed, on all servers of the same database."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Phoenix.PubSub
  alias Xavos.Coordination.Events

  @doc "Has the process be sent `{:role_changed, id}` when the user with that id gets another role."
  @spec subscribe(String.t()) :: :ok | {:error, term}
  def subscribe(id), do: PubSub.subscribe(Xavos.PubSub, topic(id))

  @impl true
  def change(%{data: %{role: before}} = changeset, _options, _context) do
    # Not before it is committed: whoever is told reads again.
    Changeset.after_transaction(changeset, fn
      _changeset, {:ok, %{id: id, role: role} = user} when role != before ->
        tell_here(id)
        Events.tell_of_role(id)
        {:ok, user}

      _changeset, result ->
        result
    end)
  end

  @doc "Tells the pages that this VM has open."
  @spec tell_here(String.t()) :: :ok | {:error, term}
  def tell_here(id), do: PubSub.broadcast(Xavos.PubSub, topic(id), {:role_changed, id})

  defp topic(id), do: "users:#{id}:role"
end
