defmodule Xavos.Coordination.Agent.Api do
  @moduledoc "The JSON:API representation of an agent."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "agent"
    includes [:team, :work_items]
  end
end
