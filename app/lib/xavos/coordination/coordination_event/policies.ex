defmodule Xavos.Coordination.CoordinationEvent.Policies do
  @moduledoc "Policies: every signed-in user may read events, and only the system writes them."
  use Spark.Dsl.Fragment, of: Ash.Resource, authorizers: [Ash.Policy.Authorizer]

  policies do
    policy action_type(:read) do
      authorize_if actor_present()
    end
  end
end
