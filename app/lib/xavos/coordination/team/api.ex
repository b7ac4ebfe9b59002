defmodule Xavos.Coordination.Team.Api do
  @moduledoc "How a team looks in JSON:API."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "team"
    includes [:parent, :teams, :agents]
  end
end
