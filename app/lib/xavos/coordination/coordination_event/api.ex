defmodule Xavos.Coordination.CoordinationEvent.Api do
  @moduledoc "The JSON:API representation of an event."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "coordination_event"
  end
end
