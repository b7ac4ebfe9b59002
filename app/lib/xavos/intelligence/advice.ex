defmodule Xavos.Intelligence.Advice do
  @moduledoc """
  An advice: its source, its suggestions, its cost, and the decision about it.

  `request` asks for one, `apply` does what it suggests and no longer contradicts what is, `dismiss` lays it aside. Only
  operators may; whoever may look at the coordination may read it.
  """
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Intelligence,
    data_layer: AshPostgres.DataLayer,
    authorizers: [Ash.Policy.Authorizer],
    notifiers: [Ash.Notifier.PubSub],
    extensions: [],
    fragments: []

  alias Xavos.Intelligence.Actions.{Apply, Request}
  alias Xavos.Intelligence.Changes.DecidedBy
  alias Xavos.Intelligence.Suggestion

  @kinds [:priority, :assignment]
  @statuses [:proposed, :applied, :dismissed]

  postgres do
    table "advices"
    repo Xavos.Repo

    check_constraints do
      check_constraint :kind, "advices_kind_known",
        check: "kind IN ('priority', 'assignment')",
        message: "is not a kind"

      check_constraint :source, "advices_source_known",
        check: "source IN ('claude', 'heuristic')",
        message: "is not a source"

      check_constraint :decided_by, "advices_decided_by_somebody",
        check: "status = 'proposed' OR decided_by IS NOT NULL",
        message: "must be there for what has been decided"

      check_constraint :cost, "advices_cost_not_negative",
        check: "cost >= 0",
        message: "must not be negative"
    end

    custom_indexes do
      index [:inserted_at]
    end
  end

  actions do
    defaults [:read]

    read :list do
      description "Advice, the latest first."
      prepare build(sort: [inserted_at: :desc, id: :desc])
      pagination offset?: true, keyset?: true, required?: false, default_limit: 20
    end

    action :request, :struct do
      description "Asks for advice and keeps it."
      constraints instance_of: __MODULE__
      argument :kind, :atom, allow_nil?: false, constraints: [one_of: @kinds]
      run Request
    end

    action :apply, :struct do
      description "Does what is suggested, as far as it still holds."
      constraints instance_of: __MODULE__
      argument :id, :uuid, allow_nil?: false
      run Apply
    end

    update :dismiss do
      description "It is not followed."
      accept []
      require_atomic? false
      validate attribute_equals(:status, :proposed), message: "has been decided already"
      change filter(expr(status == :proposed))
      change set_attribute(:status, :dismissed)
      change DecidedBy
    end

    create :propose do
      description "Of the system: keeps what was advised."
      primary? true

      accept [
        :kind,
        :source,
        :model,
        :summary,
        :suggestions,
        :refused,
        :trouble,
        :input_tokens,
        :output_tokens,
        :cost,
        :requested_by
      ]
    end

    update :begin_applying do
      description "Of the system: decided, by one who came first."
      accept []
      require_atomic? false
      argument :automatic?, :boolean, default: false
      validate attribute_equals(:status, :proposed), message: "has been decided already"
      change filter(expr(status == :proposed))
      change set_attribute(:status, :applied)
      change DecidedBy
    end

    update :record_outcome do
      description "Of the system: what became of each suggestion."
      accept []
      require_atomic? false
      argument :suggestions, {:array, Suggestion}, allow_nil?: false
      change set_attribute(:suggestions, arg(:suggestions))
    end
  end

  policies do
    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy action_type(:read) do
      authorize_if actor_attribute_equals(:role, :viewer)
    end
  end

  pub_sub do
    module Xavos.Intelligence
    prefix "intelligence"
    publish_all :create, "advices"
    publish_all :update, "advices"
  end

  attributes do
    uuid_v7_primary_key :id

    attribute :kind, :atom do
      description "What was asked: how important work is, or who should do it."
      allow_nil? false
      public? true
      constraints one_of: @kinds
    end

    attribute :source, :atom do
      description "Who advises."
      allow_nil? false
      public? true
      constraints one_of: [:claude, :heuristic]
    end

    attribute :model, :string do
      description "Which model of Claude."
      public? true
      constraints max_length: 200
    end

    attribute :summary, :string do
      allow_nil? false
      public? true
      constraints max_length: 2_000
    end

    attribute :suggestions, {:array, Suggestion} do
      allow_nil? false
      public? true
      default []
    end

    attribute :refused, {:array, :string} do
      description "What was suggested and made no sense, with the reasons."
      allow_nil? false
      public? true
      default []
    end

    attribute :trouble, :string do
      description "Why the heuristic had to answer although a key is configured."
      public? true
      constraints max_length: 1_000
    end

    attribute :status, :atom do
      allow_nil? false
      public? true
      writable? false
      default :proposed
      constraints one_of: @statuses
    end

    attribute :input_tokens, :integer do
      allow_nil? false
      public? true
      default 0
      constraints min: 0
    end

    attribute :output_tokens, :integer do
      allow_nil? false
      public? true
      default 0
      constraints min: 0
    end

    attribute :cost, :decimal do
      description "In US dollars; where it cannot be known, as much as it can have been."
      allow_nil? false
      public? true
      default Decimal.new(0)
    end

    attribute :requested_by, :string, allow_nil?: false, public?: true, default: "system"

    attribute :decided_by, :string do
      description "Who has applied or dismissed it; `policy` where the configuration has."
      public? true
      writable? false
    end

    attribute :decided_at, :utc_datetime_usec, public?: true, writable?: false

    timestamps public?: true
  end

  @doc "What can be asked."
  def kinds, do: @kinds
end
