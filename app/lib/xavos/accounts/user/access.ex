defmodule Xavos.Accounts.User.Access do
  @moduledoc """
  The role of a user, and the ways to sign in without a password.

    * an `operator` may do everything;
    * a `viewer` sees everything and changes nothing; that is what everybody is who registers;
    * an `agent` is not a person: it holds API keys, and does the work of the agents that it has registered.
  """
  use Spark.Dsl.Fragment,
    of: Ash.Resource,
    extensions: [AshAuthentication, AshPostgres.DataLayer],
    authorizers: [Ash.Policy.Authorizer]

  alias Xavos.Accounts.{ApiKey, LimitSignIn}
  alias Xavos.Accounts.User.{KeepAnOperator, LimitRegistration, SendMagicLink, TellOfRole}

  @roles [:viewer, :operator, :agent]

  authentication do
    strategies do
      magic_link :magic_link do
        identity_field :email
        require_interaction? true
        sender SendMagicLink
      end

      api_key :api_key do
        api_key_relationship :valid_api_keys
        api_key_hash_attribute :api_key_hash
      end
    end
  end

  postgres do
    check_constraints do
      check_constraint :role, "users_role_known",
        check: "role IN (#{Enum.map_join(@roles, ", ", &"'#{&1}'")})",
        message: "is not a role"
    end
  end

  attributes do
    attribute :role, :atom do
      allow_nil? false
      public? true
      writable? false
      default :viewer
      constraints one_of: @roles
    end
  end

  relationships do
    has_many :api_keys, ApiKey

    has_many :valid_api_keys, ApiKey do
      filter expr(valid?)
    end
  end

  actions do
    read :sign_in_with_api_key do
      description "The user whose key it is, if it is valid."
      argument :api_key, :string, allow_nil?: false, sensitive?: true
      prepare AshAuthentication.Strategy.ApiKey.SignInPreparation
    end

    read :list do
      description "All users, by address."
      prepare build(sort: [email: :asc])
      pagination offset?: true, keyset?: true, required?: false
    end

    create :create_service_account do
      description "An account for agents: no password, no mail; it holds API keys."
      accept [:email]
      change set_attribute(:role, :agent)
    end

    update :set_role do
      description "Another role. The last operator stays one."
      accept []
      require_atomic? false
      argument :role, :atom, allow_nil?: false, constraints: [one_of: @roles]
      change set_attribute(:role, arg(:role))
      change KeepAnOperator
      change TellOfRole
    end
  end

  preparations do
    prepare LimitSignIn
  end

  changes do
    change LimitRegistration, on: [:create], where: [action_is(:register_with_password)]
  end
end
