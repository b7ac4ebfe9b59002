defmodule Xavos.Coordination.Agent do
  @moduledoc "An agent, identified by its `agent_id`: its skills, its capacity and its state."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [],
    fragments: [
      Xavos.Coordination.Agent.Policies,
      Xavos.Coordination.Agent.Account,
      Xavos.Coordination.Agent.Lifecycle,
      Xavos.Coordination.Agent.History,
      Xavos.Coordination.Agent.Api,
      Xavos.Coordination.Agent.Claiming,
      Xavos.Coordination.Agent.Restoring
    ]

  alias Xavos.Coordination.Changes.RecordEvent
  alias Xavos.Coordination.Statuses

  @statuses Statuses.of_agents()

  postgres do
    table "agents"
    repo Xavos.Repo

    references do
      # An agent outlives its team.
      reference :team, on_delete: :nilify, index?: true
    end

    check_constraints do
      check_constraint :status, "agents_status_known",
        check: "status IN (#{Enum.map_join(@statuses, ", ", &"'#{&1}'")})",
        message: "is not a status"

      check_constraint :capacity, "agents_capacity_within_range",
        check: "capacity BETWEEN 1 AND 100",
        message: "must be between 1 and 100"

      check_constraint :workload, "agents_workload_within_capacity",
        check: "workload BETWEEN 0 AND capacity",
        message: "must be between 0 and the agent's capacity"
    end
  end

  actions do
    defaults [:read]

    read :list do
      description "All agents, by agent_id."
      prepare build(sort: [agent_id: :asc])
      pagination offset?: true, keyset?: true, required?: false
    end

    create :register do
      primary? true
      accept [:agent_id, :name, :specialization, :capacity, :team_id]
    end

    update :update do
      primary? true
      accept [:name, :specialization, :capacity, :team_id]
      require_atomic? false
    end

    update :set_status do
      accept [:status]
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

  attributes do
    uuid_primary_key :id

    attribute :agent_id, :string do
      description "What the agent calls itself; no two are the same."
      allow_nil? false
      public? true
      constraints max_length: 100, match: ~r/\A[a-z0-9][a-z0-9_.-]*\z/
    end

    attribute :name, :string do
      allow_nil? false
      public? true
      constraints max_length: 200
    end

    attribute :specialization, :string do
      description "What the agent is best at."
      public? true
      constraints max_length: 100
    end

    attribute :capacity, :integer do
      description "How many items the agent can hold at once."
      allow_nil? false
      public? true
      default 1
      constraints min: 1, max: 100
    end

    attribute :workload, :integer do
      description "How many items the agent holds."
      allow_nil? false
      public? true
      writable? false
      default 0
      constraints min: 0
    end

    attribute :status, :atom do
      allow_nil? false
      public? true
      default :registering
      constraints one_of: @statuses
    end

    attribute :last_heartbeat_at, :utc_datetime_usec do
      description "When the agent was last heard of."
      public? true
      writable? false
    end

    timestamps()
  end

  relationships do
    belongs_to :team, Xavos.Coordination.Team, public?: true
    has_many :work_items, Xavos.Coordination.WorkItem, public?: true
  end

  identities do
    identity :unique_agent_id, [:agent_id]
  end

  @doc "Every status that an agent can have, in the order of its life."
  def statuses, do: @statuses
end
