defmodule Xavos.Coordination.Team do
  @moduledoc "A Scrum team, or a scrum of scrums if other teams belong to it."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [],
    fragments: [
      Xavos.Coordination.Team.Policies,
      Xavos.Coordination.Team.Api,
      Xavos.Coordination.Team.Weighing
    ]

  alias Xavos.Coordination.Changes.RecordEvent
  alias Xavos.Coordination.Validations.NoCircle

  postgres do
    table "teams"
    repo Xavos.Repo

    references do
      # A team that others belong to cannot go away before them.
      reference :parent, on_delete: :restrict, index?: true
    end

    check_constraints do
      check_constraint :weight, "teams_weight_within_range",
        check: "weight BETWEEN 0 AND 100",
        message: "must be between 0 and 100"

      check_constraint :parent_id, "teams_parent_is_another",
        check: "parent_id <> id",
        message: "must be another team"
    end
  end

  actions do
    defaults [:read]

    read :list do
      description "All teams, by name."
      prepare build(sort: [name: :asc])
      pagination offset?: true, keyset?: true, required?: false
    end

    create :create do
      primary? true
      accept [:name, :title, :weight, :parent_id]
    end

    update :update do
      primary? true
      accept [:title, :weight, :parent_id]
      # Whether teams go in a circle can only be found out by reading them.
      require_atomic? false
    end

    destroy :destroy do
      primary? true
      require_atomic? false
    end
  end

  changes do
    change RecordEvent, on: [:create, :update, :destroy]
  end

  validations do
    validate {NoCircle, relationship: :parent} do
      where changing(:parent_id)
      before_action? true
    end
  end

  attributes do
    uuid_primary_key :id

    attribute :name, :string do
      description "What the team is called in files and addresses; no two are the same."
      allow_nil? false
      public? true
      constraints max_length: 100, match: ~r/\A[a-z0-9][a-z0-9_.-]*\z/
    end

    attribute :title, :string do
      description "What people call the team."
      public? true
      constraints max_length: 200
    end

    attribute :weight, :integer do
      description "How much this team's work matters among teams, from 0 to 100."
      allow_nil? false
      public? true
      default 0
      constraints min: 0, max: 100
    end

    timestamps()
  end

  relationships do
    belongs_to :parent, __MODULE__ do
      description "The scrum of scrums that the team belongs to."
      public? true
    end

    has_many :teams, __MODULE__ do
      description "The teams of a scrum of scrums."
      destination_attribute :parent_id
      public? true
    end

    has_many :agents, Xavos.Coordination.Agent, public?: true
    has_many :work_items, Xavos.Coordination.WorkItem, public?: true
  end

  identities do
    identity :unique_name, [:name]
  end
end
