defmodule Xavos.Coordination.WorkItem.Due do
  @moduledoc """
  The time by which a work item is wanted. It changes neither the order of work nor who may claim it.

  Servers of the release before this one go on working beside it: the column may be empty, so they need not write it, and
  the index is made without locking the table.
  """
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPostgres.DataLayer]

  alias Xavos.Coordination.Statuses

  @closed Statuses.closed()

  postgres do
    custom_indexes do
      index [:due_at],
        name: "work_items_due",
        where: "due_at IS NOT NULL",
        concurrently: true
    end
  end

  attributes do
    attribute :due_at, :utc_datetime_usec do
      description "When it is wanted."
      public? true
    end
  end

  actions do
    update :schedule do
      description "Says when it is wanted; without a time, nobody waits for it any more."
      accept [:due_at]
      require_atomic? false
    end
  end

  calculations do
    calculate :overdue?, :boolean do
      description "Whether it was wanted by now, and is still open."
      public? true
      calculation expr(not is_nil(due_at) and due_at < now() and status not in ^@closed)
    end
  end
end
