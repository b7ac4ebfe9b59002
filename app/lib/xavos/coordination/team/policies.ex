defmodule Xavos.Coordination.Team.Policies do
  @moduledoc "Policies: operators may change teams, and every signed-in user may read them."
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
