defmodule Xavos.Coordination.Agent.Lifecycle do
  @moduledoc """
  The states of an agent and their transitions.

  An agent that works is `active`; `busy` where it holds as much as it can, `idle` where it has laid down its last item.
  One that has not been heard of for a while goes offline, and what it held waits for somebody else; in maintenance, which
  somebody has decided on, it is left alone.
  """
  use Spark.Dsl.Fragment,
    of: Ash.Resource,
    extensions: [AshStateMachine, AshOban]

  alias Xavos.Coordination.Agent.Workers
  alias Xavos.Coordination.Changes.{ReturnWork, StillSilent, Transition}
  alias Xavos.Coordination.Statuses

  @present Statuses.present()
  @available Statuses.available()

  # Seconds without a heartbeat after which an agent counts as gone.
  @patience Application.compile_env(:xavos, :stale_after_seconds, 120)

  state_machine do
    state_attribute :status
    initial_states [:registering]
    default_initial_state :registering

    transitions do
      transition :activate,
        from: [:registering, :busy, :idle, :maintenance, :offline],
        to: :active

      transition :begin_maintenance,
        from: @available ++ [:offline],
        to: :maintenance

      transition :go_offline,
        from: @available ++ [:maintenance],
        to: :offline

      transition :expire, from: @available, to: :offline

      transition :heartbeat, from: [:registering, :offline], to: :active
      transition :take_on, from: @available, to: [:active, :busy]
      transition :lay_down, from: @present, to: [:active, :idle]

      # By hand: wherever one of the above could lead.
      transition :set_status, from: :registering, to: [:active, :maintenance, :offline]
      transition :set_status, from: :active, to: [:busy, :idle, :maintenance, :offline]
      transition :set_status, from: [:busy, :idle], to: [:active, :maintenance, :offline]
      transition :set_status, from: :maintenance, to: [:active, :offline]
      transition :set_status, from: :offline, to: [:active, :maintenance]
    end
  end

  oban do
    triggers do
      trigger :expire_stale do
        action(:expire)
        where expr(stale?)
        scheduler_cron "* * * * *"
        queue :agents
        max_attempts 3
        worker_module_name Workers.ExpireStale
        scheduler_module_name Workers.ScheduleExpireStale
      end
    end
  end

  actions do
    update :activate do
      description "The agent works."
      accept []
      require_atomic? false
      change {Transition, to: :active}
      change atomic_update(:last_heartbeat_at, expr(now()))
    end

    update :begin_maintenance do
      description "The agent keeps what it holds and takes nothing more."
      accept []
      require_atomic? false
      change {Transition, to: :maintenance}
    end

    update :go_offline do
      description "The agent stops; what it holds waits for somebody else."
      accept []
      require_atomic? false
      change {Transition, to: :offline}
      change ReturnWork
    end

    update :expire do
      description "An agent that has not been heard of is offline; what it held waits for somebody else."
      accept []
      require_atomic? false
      change {Transition, to: :offline}
      change StillSilent
      change ReturnWork
    end

    update :heartbeat do
      description "The agent is there. One that was taken for gone works again."
      accept []
      require_atomic? false
      change atomic_update(:last_heartbeat_at, expr(now()))

      change atomic_update(
               :status,
               expr(
                 if status in [:registering, :offline] do
                   :active
                 else
                   status
                 end
               )
             )
    end

    # Called by what is done with work, with the agent locked.
    update :take_on do
      accept []
      require_atomic? false
      change atomic_update(:workload, expr(workload + 1))
      change atomic_update(:last_heartbeat_at, expr(now()))

      change atomic_update(
               :status,
               expr(
                 if workload + 1 >= capacity do
                   :busy
                 else
                   :active
                 end
               )
             )
    end

    update :lay_down do
      accept []
      require_atomic? false
      change atomic_update(:workload, expr(workload - 1))

      change atomic_update(
               :status,
               expr(
                 cond do
                   status not in ^@present -> status
                   workload <= 1 -> :idle
                   true -> :active
                 end
               )
             )
    end
  end

  changes do
    change Transition, on: [:update], where: [action_is(:set_status)]

    change ReturnWork,
      on: [:update],
      where: [action_is(:set_status), attribute_equals(:status, :offline)]
  end

  calculations do
    calculate :stale?, :boolean do
      description "Whether it should have been heard of, because it works or holds work, and was not."
      public? true

      calculation expr(
                    (status in ^@present or
                       (status == :registering and workload > 0)) and silent?
                  )
    end

    calculate :silent?, :boolean do
      description "Whether it was last heard of longer ago than it may be."
      calculation expr((last_heartbeat_at || inserted_at) < ago(^@patience, :second))
    end
  end
end
