defmodule Xavos.Accounts.ApiKey do
  @moduledoc """
  An API key of a program. Only its hash is stored. The key itself is shown once, when it is issued
  (`api_key.__metadata__.plaintext_api_key`). It expires, and can be revoked earlier.
  """
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Accounts,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    extensions: [],
    fragments: []

  alias AshAuthentication.Strategy.ApiKey.GenerateApiKey

  # Days.
  @usual 90
  @longest 366

  postgres do
    table "api_keys"
    repo Xavos.Repo

    references do
      reference :user, on_delete: :delete, index?: true
    end
  end

  actions do
    defaults [:read]

    read :list do
      description "All keys, the latest first."
      prepare build(sort: [inserted_at: :desc])
    end

    create :issue do
      primary? true
      accept [:name, :user_id]

      argument :days, :integer do
        description "For how many days it is valid."
        default @usual
        constraints min: 1, max: @longest
      end

      change fn changeset, _context ->
        days = Ash.Changeset.get_argument(changeset, :days) || @usual
        expires_at = DateTime.add(DateTime.utc_now(), days, :day)
        Ash.Changeset.force_change_attribute(changeset, :expires_at, expires_at)
      end

      change {GenerateApiKey, prefix: :xavos, hash: :api_key_hash}
    end

    update :revoke do
      description "It lets nobody in from now on."
      accept []
      change atomic_update(:revoked_at, expr(revoked_at || now()))
    end
  end

  policies do
    bypass AshAuthentication.Checks.AshAuthenticationInteraction do
      authorize_if always()
    end

    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy always() do
      authorize_if actor_present()
    end

    # Whoever holds keys may see them, and let them go.
    policy action_type(:read) do
      authorize_if expr(user_id == ^actor(:id))
    end

    policy action(:revoke) do
      authorize_if expr(user_id == ^actor(:id))
    end

    policy action_type(:create) do
      forbid_if always()
    end
  end

  attributes do
    uuid_primary_key :id

    attribute :name, :string do
      description "What it is for."
      allow_nil? false
      public? true
      constraints max_length: 100
    end

    attribute :api_key_hash, :binary do
      allow_nil? false
      sensitive? true
      writable? false
    end

    attribute :expires_at, :utc_datetime_usec do
      allow_nil? false
      public? true
      writable? false
    end

    attribute :revoked_at, :utc_datetime_usec, public?: true, writable?: false

    timestamps()
  end

  relationships do
    belongs_to :user, Xavos.Accounts.User, allow_nil?: false, public?: true
  end

  calculations do
    calculate :valid?, :boolean, expr(is_nil(revoked_at) and expires_at > now()), public?: true
  end

  identities do
    identity :unique_api_key, [:api_key_hash]
  end
end
