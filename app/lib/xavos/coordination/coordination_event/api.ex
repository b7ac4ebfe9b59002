defmodule Xavos.Coordination.CoordinationEvent.Api do
  @moduledoc "How an event looks in JSON:API."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "coordination_event"
  end
end
