defmodule Xavos.Coordination.WorkItem.Api do
  @moduledoc "How an item of work looks in JSON:API."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshJsonApi.Resource]

  json_api do
    type "work_item"
    includes [:team, :agent, :depends_on]
  end
end
