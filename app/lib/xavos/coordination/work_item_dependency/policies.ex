defmodule Xavos.Coordination.WorkItemDependency.Policies do
  @moduledoc "Operators say what waits for what; whoever is signed in sees it."
  use Spark.Dsl.Fragment, of: Ash.Resource, authorizers: [Ash.Policy.Authorizer]

  policies do
    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy action_type(:read) do
      authorize_if actor_present()
    end
  end
end
