defmodule Xavos.Accounts.User do
  @moduledoc "A user who signs in with an e-mail address and a password."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Accounts,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    extensions: [AshAuthentication],
    fragments: [Xavos.Accounts.User.Access]

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

    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy always() do
      authorize_if actor_present()
    end

    # Everybody sees themselves. What no policy speaks of is forbidden.
    policy action_type(:read) do
      authorize_if expr(id == ^actor(:id))
    end

    policy action_type([:create, :update, :destroy]) do
      forbid_if always()
    end
  end

  attributes do
    uuid_primary_key :id

    attribute :email, Xavos.Accounts.Email do
      allow_nil? false
      public? true
    end

    # Whoever signs in by other ways only has none.
    attribute :hashed_password, :string do
      sensitive? true
    end

    timestamps()
  end

  identities do
    identity :unique_email, [:email]
  end
end
