defmodule Xavos.Coordination.WorkItem.Board do
  @moduledoc "What the board asks for, found without reading all work that was ever done."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPostgres.DataLayer]

  postgres do
    custom_indexes do
      index [:finished_at], name: "work_items_finished", where: "finished_at IS NOT NULL"
    end
  end
end
