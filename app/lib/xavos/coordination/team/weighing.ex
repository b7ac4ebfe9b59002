defmodule Xavos.Coordination.Team.Weighing do
  @moduledoc "A team's weight counts for the work that it has already."
  use Spark.Dsl.Fragment, of: Ash.Resource

  changes do
    change Xavos.Coordination.Changes.RerankWork, on: [:update, :destroy]
  end
end
