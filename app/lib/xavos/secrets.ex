defmodule Xavos.Secrets do
  @moduledoc "Reads the secrets of the authentication from the configuration (config/site.exs, `Xavos.Settings.Server`)."
  use AshAuthentication.Secret

  @impl true
  def secret_for(
        [:authentication, :tokens, :signing_secret],
        Xavos.Accounts.User,
        _options,
        _context
      ) do
    case Application.fetch_env(:xavos, :token_signing_secret) do
      {:ok, secret} when is_binary(secret) -> {:ok, secret}
      _ -> :error
    end
  end
end
