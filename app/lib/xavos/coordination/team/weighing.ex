defmodule Xavos.Coordination.Team.Weighing do
  @moduledoc "Applies a change of a team's weight to the work that the team has already."
  use Spark.Dsl.Fragment, of: Ash.Resource

  changes do
    change Xavos.Coordination.Changes.RerankWork, on: [:update, :destroy]
  end
end
