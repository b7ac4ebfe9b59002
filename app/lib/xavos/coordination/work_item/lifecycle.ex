defmodule Xavos.Coordination.WorkItem.Lifecycle do
  @moduledoc """
  The states of a work item and their transitions. An item counts towards the workload of the agent that holds it.
  """
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshStateMachine]

  alias Xavos.Coordination.Changes.{Assign, LayDown, RefuseHeld, Transition}
  alias Xavos.Coordination.Statuses

  @working Statuses.working()
  @held Statuses.held()

  # What an item has that nobody has touched.
  @fresh [
    agent_id: nil,
    claimed_at: nil,
    started_at: nil,
    finished_at: nil,
    reason: nil,
    progress: 0
  ]

  state_machine do
    state_attribute :status
    initial_states [:pending]
    default_initial_state :pending

    transitions do
      transition :assign, from: :pending, to: :claimed
      transition :start, from: :claimed, to: :in_progress
      transition :report_progress, from: :in_progress, to: :in_progress
      transition :block, from: @working, to: :blocked
      transition :unblock, from: :blocked, to: :in_progress
      transition :complete, from: @working, to: :completed
      transition :fail, from: @held, to: :failed
      transition :cancel, from: [:pending | @held], to: :cancelled
      transition :release, from: @held, to: :pending
      transition :retry, from: :failed, to: :pending
    end
  end

  actions do
    update :assign do
      description "An agent gets the item."
      accept []
      require_atomic? false
      argument :agent_id, :uuid, allow_nil?: false
      change Assign
    end

    update :start do
      description "Its agent has begun."
      accept []
      require_atomic? false
      change {Transition, to: :in_progress, set: [started_at: &DateTime.utc_now/0]}
    end

    update :report_progress do
      description "How far its agent is."
      accept []
      require_atomic? false
      argument :progress, :integer, allow_nil?: false, constraints: [min: 0, max: 100]
      change {Transition, to: :in_progress, set_arguments: [:progress]}
    end

    update :block do
      description "Its agent cannot go on, and why."
      accept []
      require_atomic? false
      argument :reason, :string, allow_nil?: false, constraints: [max_length: 1_000]
      change {Transition, to: :blocked, set_arguments: [:reason]}
    end

    update :unblock do
      description "Its agent can go on."
      accept []
      require_atomic? false
      # It may have been blocked before it was begun.
      change {Transition,
              to: :in_progress, set: [reason: nil], set_missing: [started_at: &DateTime.utc_now/0]}
    end

    update :complete do
      description "It is done, and what came of it."
      accept []
      require_atomic? false
      argument :result, :map

      change {Transition,
              to: :completed,
              set: [progress: 100, finished_at: &DateTime.utc_now/0],
              set_arguments: [:result]}

      change LayDown
    end

    update :fail do
      description "It could not be done, and why."
      accept []
      require_atomic? false
      argument :reason, :string, allow_nil?: false, constraints: [max_length: 1_000]

      change {Transition,
              to: :failed, set: [finished_at: &DateTime.utc_now/0], set_arguments: [:reason]}

      change LayDown
    end

    update :cancel do
      description "It is not wanted any more."
      accept []
      require_atomic? false
      argument :reason, :string, constraints: [max_length: 1_000]

      change {Transition,
              to: :cancelled, set: [finished_at: &DateTime.utc_now/0], set_arguments: [:reason]}

      change LayDown
    end

    update :release do
      description "It waits for somebody else."
      accept []
      require_atomic? false
      change {Transition, to: :pending, set: @fresh}
      change LayDown
    end

    update :retry do
      description "It has failed, and waits for another try."
      accept []
      require_atomic? false
      change {Transition, to: :pending, set: @fresh}
    end
  end

  changes do
    change RefuseHeld, on: [:destroy]
  end
end
