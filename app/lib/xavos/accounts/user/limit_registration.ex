defmodule Xavos.Accounts.User.LimitRegistration do
  @moduledoc "Limits registrations, by the limits of `Xavos.Accounts.LimitSignIn`."
  use Ash.Resource.Change

  alias Ash.Changeset
  alias Ash.Error.Changes.InvalidAttribute
  alias Xavos.RateLimit

  @impl true
  def change(changeset, _options, _context), do: Changeset.before_action(changeset, &limit/1)

  defp limit(changeset) do
    address = changeset |> Changeset.get_attribute(:email) |> to_string()

    case RateLimit.attempt(address, :register) do
      :ok -> changeset
      {:error, seconds} -> Changeset.add_error(changeset, too_many(seconds))
    end
  end

  defp too_many(seconds) do
    InvalidAttribute.exception(
      field: :email,
      message: "was tried too often; the next try may be in %{seconds} s",
      vars: [seconds: seconds]
    )
  end
end
