defmodule Xavos.Coordination.Agent.Claiming do
  @moduledoc "The action by which an agent takes on all the items that it has claimed."
  use Spark.Dsl.Fragment, of: Ash.Resource

  alias Xavos.Coordination.Changes.TakeOn

  actions do
    update :take_on_more do
      description "What `take_on` does, for several items at once, with the agent locked."
      accept []
      require_atomic? false
      argument :count, :integer, allow_nil?: false, constraints: [min: 1]
      change TakeOn
    end
  end
end
