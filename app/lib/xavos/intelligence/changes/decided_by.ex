defmodule Xavos.Intelligence.Changes.DecidedBy do
  @moduledoc "Stores who decided about an advice, and when."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Xavos.Intelligence.Person

  @impl true
  def change(changeset, _options, context) do
    name =
      if Changeset.get_argument(changeset, :automatic?),
        do: "policy",
        else: Person.name(context.actor)

    Changeset.force_change_attributes(changeset, decided_by: name, decided_at: DateTime.utc_now())
  end
end
