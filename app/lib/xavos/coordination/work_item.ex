defmodule Xavos.Coordination.WorkItem do
  @moduledoc "A work item: its description, priority, dependencies, team and agent."
  use Ash.Resource,
    otp_app: :xavos,
    domain: Xavos.Coordination,
    data_layer: AshPostgres.DataLayer,
    extensions: [],
    fragments: [
      Xavos.Coordination.WorkItem.Policies,
      Xavos.Coordination.WorkItem.Lifecycle,
      Xavos.Coordination.WorkItem.History,
      Xavos.Coordination.WorkItem.Api,
      Xavos.Coordination.WorkItem.Claiming,
      Xavos.Coordination.WorkItem.Restoring,
      Xavos.Coordination.WorkItem.Board,
      Xavos.Coordination.WorkItem.Due
    ]

  alias Xavos.Coordination.Changes.{AddDependencies, RecordEvent}
  alias Xavos.Coordination.{Statuses, WorkItemDependency}

  @priorities [:low, :medium, :high, :critical]
  @statuses Statuses.of_work()
  @held Statuses.held()

  postgres do
    table "work_items"
    repo Xavos.Repo

    references do
      reference :team, on_delete: :nilify, index?: true
      # Whoever removes an agent has to say first what becomes of its work.
      reference :agent, on_delete: :restrict, index?: true
    end

    check_constraints do
      check_constraint :status, "work_items_status_known",
        check: "status IN (#{Enum.map_join(@statuses, ", ", &"'#{&1}'")})",
        message: "is not a status"

      check_constraint :priority, "work_items_priority_known",
        check: "priority IN (#{Enum.map_join(@priorities, ", ", &"'#{&1}'")})",
        message: "is not a priority"

      check_constraint :progress, "work_items_progress_within_range",
        check: "progress BETWEEN 0 AND 100",
        message: "must be between 0 and 100"

      check_constraint :agent_id, "work_items_held_by_an_agent",
        check:
          "agent_id IS NOT NULL OR status NOT IN (#{Enum.map_join(@held, ", ", &"'#{&1}'")})",
        message: "must be there for work that has been claimed"

      check_constraint :agent_id, "work_items_pending_held_by_nobody",
        check: "agent_id IS NULL OR status <> 'pending'",
        message: "must not be there for work that waits"
    end

    custom_indexes do
      index [:status]
    end
  end

  actions do
    defaults [:read]

    read :list do
      description "All work, the oldest first."
      prepare build(sort: [inserted_at: :asc, work_item_id: :asc])
      pagination offset?: true, keyset?: true, countable: :by_default, required?: false
    end

    create :add do
      primary? true
      accept [:work_item_id, :type, :description, :priority, :team_id]

      argument :depends_on, {:array, :string} do
        description "The work_item_ids of what has to be completed before."
        default []
      end

      change AddDependencies
    end

    update :update do
      primary? true
      accept [:type, :description, :priority, :team_id]
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

    attribute :work_item_id, :string do
      description "What the item is called everywhere; no two are the same."
      allow_nil? false
      public? true
      constraints max_length: 100, match: ~r/\A[A-Za-z0-9][A-Za-z0-9_.:-]*\z/
    end

    attribute :type, :string do
      description "What kind of work it is, such as bug, feature or chore."
      allow_nil? false
      public? true
      default "task"
      constraints max_length: 100
    end

    attribute :description, :string do
      allow_nil? false
      public? true
      constraints max_length: 10_000
    end

    attribute :priority, :atom do
      allow_nil? false
      public? true
      default :medium
      constraints one_of: @priorities
    end

    attribute :status, :atom do
      allow_nil? false
      public? true
      writable? false
      default :pending
      constraints one_of: @statuses
    end

    attribute :progress, :integer do
      description "How much is done, in percent."
      allow_nil? false
      public? true
      writable? false
      default 0
      constraints min: 0, max: 100
    end

    attribute :result, :map do
      description "What came of it."
      public? true
      writable? false
    end

    attribute :reason, :string do
      description "Why it is blocked, has failed or was cancelled."
      public? true
      writable? false
      constraints max_length: 1_000
    end

    attribute :claimed_at, :utc_datetime_usec, public?: true, writable?: false
    attribute :started_at, :utc_datetime_usec, public?: true, writable?: false
    attribute :finished_at, :utc_datetime_usec, public?: true, writable?: false

    timestamps public?: true
  end

  relationships do
    belongs_to :team, Xavos.Coordination.Team do
      description "The team it is for; work without one is for everybody."
      public? true
    end

    belongs_to :agent, Xavos.Coordination.Agent do
      description "Who holds it, or has finished it."
      public? true
      attribute_writable? false
    end

    many_to_many :depends_on, __MODULE__ do
      description "What has to be completed before."
      public? true
      through WorkItemDependency
      source_attribute_on_join_resource :work_item_id
      destination_attribute_on_join_resource :depends_on_id
    end

    has_many :dependencies, WorkItemDependency, destination_attribute: :work_item_id
    has_many :dependents, WorkItemDependency, destination_attribute: :depends_on_id
  end

  identities do
    identity :unique_work_item_id, [:work_item_id]
  end

  @doc "Every priority, from the least to the most urgent."
  def priorities, do: @priorities

  @doc "Every status that an item can have, in the order of its life."
  def statuses, do: @statuses
end
