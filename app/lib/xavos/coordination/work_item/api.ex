defmodule Xavos.Coordination.WorkItem.Api do
  @moduledoc "The JSON:API representation of a work item."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "work_item"
    includes [:team, :agent, :depends_on]
  end
end
