defmodule Xavos.Accounts.LimitSignIn do
  @moduledoc "Passwords can be guessed for one address only so often, wherever the guesses come from."
  use Ash.Resource.Preparation

  alias Ash.Query
  alias AshAuthentication.Errors.AuthenticationFailed
  alias AshAuthentication.Info
  alias Xavos.Accounts.User
  alias Xavos.RateLimit

  @impl true
  def prepare(%{action: %{name: :sign_in_with_password}} = query, _options, _context) do
    Query.before_action(query, fn query ->
      case RateLimit.sign_in(to_string(Query.get_argument(query, :email)), :password) do
        :ok -> query
        {:error, seconds} -> Query.add_error(query, failed(query, seconds))
      end
    end)
  end

  def prepare(query, _options, _context), do: query

  # The same error as for a wrong password: whether there is such an address is not told.
  defp failed(query, seconds) do
    AuthenticationFailed.exception(
      strategy: Info.strategy!(User, :password),
      query: query,
      caused_by: %{module: __MODULE__, message: "too many tries; the next in #{seconds} s"}
    )
  end
end
