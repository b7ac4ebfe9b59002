defmodule Xavos.Coordination.Team.Api do
  @moduledoc "The JSON:API representation of a team."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "team"
    includes [:parent, :teams, :agents]
  end
end
