defmodule Xavos.Coordination.WorkItemDependency.Counting do
  @moduledoc "Items know how many others they wait for."
  use Spark.Dsl.Fragment, of: Ash.Resource

  changes do
    change Xavos.Coordination.Changes.CountDependencies, on: [:create, :destroy]
  end
end
