defmodule Xavos.Accounts.LimitSignIn do
  @moduledoc """
  Limits attempts to sign in and to register: per e-mail address, from any machine, and per machine, for any
  address. The limits hold for every form, also on live pages.
  """
  use Ash.Resource.Preparation

  alias Ash.Query
  alias AshAuthentication.Errors.AuthenticationFailed
  alias AshAuthentication.Info
  alias Xavos.Accounts.User
  alias Xavos.RateLimit

  require Ash.Query

  @impl true
  def prepare(%{action: %{name: :sign_in_with_password}} = query, _options, _context),
    do: limit(query, :password, &Query.add_error(&1, failed(&1, &2)))

  # Nobody is told, and nobody is found who could be mailed.
  def prepare(%{action: %{name: :request_magic_link}} = query, _options, _context),
    do: limit(query, :magic_link, fn query, _seconds -> Query.filter(query, false) end)

  def prepare(query, _options, _context), do: query

  defp limit(query, way, refuse) do
    Query.before_action(query, fn query ->
      case RateLimit.attempt(to_string(Query.get_argument(query, :email)), way) do
        :ok -> query
        {:error, seconds} -> refuse.(query, seconds)
      end
    end)
  end

  # The same error as for a wrong password: whether there is such an address is not told.
  defp failed(query, seconds) do
    AuthenticationFailed.exception(
      strategy: Info.strategy!(User, :password),
      query: query,
      caused_by: %{module: __MODULE__, message: "too many tries; the next in #{seconds} s"}
    )
  end
end
