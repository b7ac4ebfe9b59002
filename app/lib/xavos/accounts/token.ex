defmodule Xavos.Accounts.Token do
  @moduledoc "The tokens that were issued. A token that is not stored here is invalid."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Accounts,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    extensions: [AshAuthentication.TokenResource]

  postgres do
    table "tokens"
    repo Xavos.Repo
  end

  actions do
    defaults [:read]
  end

  policies do
    bypass AshAuthentication.Checks.AshAuthenticationInteraction do
      authorize_if always()
    end

    policy always() do
      forbid_if always()
    end
  end
end
