defmodule Xavos.Coordination.WorkItemDependency.Counting do
  @moduledoc "Updates the number of open dependencies of an item."
  use Spark.Dsl.Fragment, of: Ash.Resource

  changes do
    change Xavos.Coordination.Changes.CountDependencies, on: [:create, :destroy]
  end
end
