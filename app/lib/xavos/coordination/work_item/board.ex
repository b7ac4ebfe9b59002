defmodule Xavos.Coordination.WorkItem.Board do
  @moduledoc "The queries of the board. They do not read the whole history of completed work."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPostgres.DataLayer]

  postgres do
    custom_indexes do
      index [:finished_at], name: "work_items_finished", where: "finished_at IS NOT NULL"
    end
  end
end
