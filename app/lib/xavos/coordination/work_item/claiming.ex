defmodule Xavos.Coordination.WorkItem.Claiming do
  @moduledoc """
  The action by which an agent claims work: it gets the best pending item.

  The best is the one of the earliest `rank` (`Xavos.Coordination.Rank`) among what is pending, is for the agent's team
  or for nobody's, and waits for nothing that is neither completed nor cancelled.
  """
  use Spark.Dsl.Fragment,
    of: Ash.Resource,
    extensions: [AshPostgres.DataLayer]

  alias Xavos.Coordination.Actions.Claim
  alias Xavos.Coordination.Changes.{CountDependents, SetRank}
  alias Xavos.Coordination.Statuses

  @closed Statuses.closed()

  postgres do
    custom_indexes do
      # What could be claimed at once, in the order in which it is given out. `ready?` below says the same in the same
      # words, with nothing left open for parameters: otherwise PostgreSQL could not know that the index has all of it.
      index [:rank, :id],
        name: "work_items_ready_by_rank",
        where: "status = 'pending' AND open_dependencies = 0"

      index [:team_id, :rank, :id],
        name: "work_items_ready_by_team",
        where: "status = 'pending' AND open_dependencies = 0"
    end

    check_constraints do
      check_constraint :open_dependencies, "work_items_open_dependencies_counted",
        check: "open_dependencies >= 0",
        message: "must not be negative"
    end
  end

  attributes do
    attribute :rank, :utc_datetime_usec do
      description "The place in the order in which work is given out; the earliest comes first."
      allow_nil? false
      public? true
      writable? false
      default &DateTime.utc_now/0
    end

    attribute :open_dependencies, :integer do
      description "How many items it waits for that are neither completed nor cancelled."
      allow_nil? false
      public? true
      writable? false
      default 0
      constraints min: 0
    end
  end

  calculations do
    calculate :ready?, :boolean do
      description "Whether it waits for an agent, and for nothing else."
      public? true

      calculation expr(fragment("? = 'pending' AND ? = 0", status, open_dependencies))
    end

    calculate :cycle_time, :float do
      description "Seconds from claim to completion."
      public? true

      calculation expr(
                    if status == :completed do
                      fragment("extract(epoch FROM ? - ?)::float", finished_at, claimed_at)
                    end
                  )
    end
  end

  actions do
    action :claim_next, :struct do
      description "Gives an agent the best item that waits for it, or nothing."
      constraints instance_of: Xavos.Coordination.WorkItem
      allow_nil? true
      transaction? true

      argument :agent_id, :string do
        description "What the agent calls itself."
        allow_nil? false
      end

      argument :types, {:array, :string} do
        description "Only work of these types."
      end

      run {Claim, one?: true}
    end

    action :claim_batch, {:array, :struct} do
      description "Gives an agent the best items that wait for it, at most as many as it has room for."
      constraints items: [instance_of: Xavos.Coordination.WorkItem]
      transaction? true

      argument :agent_id, :string, allow_nil?: false

      argument :limit, :integer do
        allow_nil? false
        constraints min: 1, max: 100
      end

      argument :types, {:array, :string}
      run {Claim, one?: false}
    end

    update :claim do
      description """
      What `assign` does, for `claim_next`, which has locked and looked at agent and item already: that the item is
      pending has not to be asked again.
      """

      accept []
      require_atomic? false
      argument :agent_id, :uuid, allow_nil?: false
      change set_attribute(:status, :claimed)
      change set_attribute(:agent_id, arg(:agent_id))
      change set_attribute(:claimed_at, &DateTime.utc_now/0)
    end

    update :rerank do
      description "Sets the rank to a number of seconds before the item was added."
      accept []
      argument :boost, :integer, allow_nil?: false
      change atomic_update(:rank, expr(datetime_add(inserted_at, -(^arg(:boost)), :second)))
    end

    update :count_dependencies do
      description "Counts what the item waits for; see `Xavos.Coordination.Dependencies`."
      accept []

      change atomic_update(
               :open_dependencies,
               expr(
                 count(dependencies,
                   query: [filter: expr(depends_on.status not in ^@closed)]
                 )
               )
             )
    end
  end

  changes do
    change SetRank, on: [:create, :update]
    change CountDependents, on: [:update]
  end
end
