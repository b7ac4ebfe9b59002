defmodule Xavos.Accounts.User.KeepAnOperator do
  @moduledoc "Refuses to remove the role of the last operator, because nobody could restore it."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidArgument
  alias Xavos.Accounts.User

  require Ash.Query

  @impl true
  def change(changeset, _options, _context), do: Changeset.before_action(changeset, &check/1)

  defp check(%{data: %{id: id}} = changeset) do
    # Locked, so that two who are taken away at once see each other.
    operators =
      User
      |> Ash.Query.filter(role == :operator)
      |> Ash.Query.sort(:id)
      |> Ash.Query.lock(:for_update)
      |> Ash.read!(authorize?: false)

    if Changeset.get_attribute(changeset, :role) != :operator and match?([%{id: ^id}], operators) do
      Changeset.add_error(
        changeset,
        InvalidArgument.exception(field: :role, message: "is that of the last operator")
      )
    else
      changeset
    end
  end
end
