defmodule Xavos.Coordination.Team.Policies do
  @moduledoc "Operators arrange teams; whoever is signed in sees them."
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
