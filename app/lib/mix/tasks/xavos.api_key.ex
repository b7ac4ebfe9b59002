defmodule Mix.Tasks.Xavos.ApiKey do
  @shortdoc "Issues, lists and revokes API keys"
  @moduledoc """
  Creates, lists and revokes the API keys of an account. A key is printed once only.

      mix xavos.api_key swarm@agents.local                # a key for 90 days; the account is made if there is none
      mix xavos.api_key swarm@agents.local --days 7 --name "night shift"
      mix xavos.api_key swarm@agents.local --list
      mix xavos.api_key swarm@agents.local --revoke ID
      mix xavos.api_key --revoke ID
  """
  use Mix.Task

  alias Xavos.Accounts
  alias Xavos.Accounts.{ApiKey, Refusal}

  require Ash.Query

  @requirements ["app.start"]
  @system [authorize?: false]
  @switches [days: :integer, name: :string, list: :boolean, revoke: :string]
  @usage "mix xavos.api_key ADDRESS [--days N] [--name TEXT] [--list | --revoke ID]"

  @impl true
  def run(arguments) do
    # What it prints is for whoever called it.
    Logger.configure(level: :warning)

    case OptionParser.parse(arguments, strict: @switches) do
      {[revoke: id], [], []} -> revoke(id)
      {[revoke: id], [address], []} -> revoke(id, account!(address))
      {[list: true], [address], []} -> list(account!(address))
      {options, [address], []} -> issue(address, Map.new(options))
      _ -> usage()
    end
  end

  defp issue(_address, options) when is_map_key(options, :list) or is_map_key(options, :revoke),
    do: usage()

  defp issue(address, options) do
    account = account(address)

    asked = %{
      name: options[:name] || "mix xavos.api_key",
      user_id: account.id,
      days: options[:days] || 90
    }

    case Accounts.issue_api_key(asked, @system) do
      {:ok, key} ->
        until = Calendar.strftime(key.expires_at, "%Y-%m-%d")
        Mix.shell().info("Key #{key.id} of #{account.email}, until #{until}:")
        Mix.shell().info(key.__metadata__.plaintext_api_key)

      {:error, error} ->
        Mix.raise("No key was issued: #{Refusal.explain(error)}")
    end
  end

  defp list(account) do
    theirs = Ash.Query.filter(ApiKey, user_id == ^account.id)

    for key <- Accounts.list_api_keys!(@system ++ [query: theirs, load: [:valid?]]) do
      state = if key.valid?, do: "valid until #{key.expires_at}", else: "not valid"
      Mix.shell().info(Enum.join([key.id, key.name, state], "\t"))
    end
  end

  defp revoke(id, account \\ nil) do
    case Accounts.get_api_key(id, @system) do
      {:ok, key} when is_nil(account) or key.user_id == account.id ->
        Accounts.revoke_api_key!(key, @system)
        Mix.shell().info("Key #{id} lets nobody in any more.")

      _none ->
        Mix.raise("There is no key #{id}; --list shows those of an account.")
    end
  end

  defp account(address) do
    case Accounts.get_user_by_email(address, @system) do
      {:ok, account} -> account
      {:error, _error} -> make(address)
    end
  end

  defp make(address) do
    case Accounts.create_service_account(%{email: address}, @system) do
      {:ok, account} -> account
      {:error, error} -> Mix.raise("#{address} was not made: #{Refusal.explain(error)}")
    end
  end

  defp account!(address) do
    case Accounts.get_user_by_email(address, @system) do
      {:ok, account} -> account
      {:error, _error} -> Mix.raise("There is no account #{address}.")
    end
  end

  defp usage, do: Mix.raise("Say whose: #{@usage}")
end
