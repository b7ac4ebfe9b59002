defmodule Xavos.Coordination.Agent.Api do
  @moduledoc "How an agent looks in JSON:API."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "agent"
    includes [:team, :work_items]
  end
end
