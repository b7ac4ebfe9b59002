defmodule Xavos.Accounts.User do
  @moduledoc "Someone who signs in with an e-mail address and a password."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Accounts,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    extensions: [AshAuthentication],
    fragments: []

  authentication do
    tokens do
      enabled? true
      token_resource Xavos.Accounts.Token
      signing_secret Xavos.Secrets
      store_all_tokens? true
      require_token_presence_for_authentication? true
    end

    strategies do
      password :password do
        identity_field :email
        hash_provider AshAuthentication.BcryptProvider
      end
    end
  end

  postgres do
    table "users"
    repo Xavos.Repo
  end

  actions do
    defaults [:read]

    read :get_by_subject do
      description "The user a token speaks of."
      argument :subject, :string, allow_nil?: false
      get? true
      prepare AshAuthentication.Preparations.FilterBySubject
    end
  end

  policies do
    # Users are read and written by signing in and out only.
    bypass AshAuthentication.Checks.AshAuthenticationInteraction do
      authorize_if always()
    end

    policy always() do
      forbid_if always()
    end
  end

  attributes do
    uuid_primary_key :id

    attribute :email, Xavos.Accounts.Email do
      allow_nil? false
      public? true
    end

    attribute :hashed_password, :string do
      allow_nil? false
      sensitive? true
    end

    timestamps()
  end

  identities do
    identity :unique_email, [:email]
  end
end
