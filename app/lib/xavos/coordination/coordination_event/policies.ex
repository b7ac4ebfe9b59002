defmodule Xavos.Coordination.CoordinationEvent.Policies do
  @moduledoc "Whoever is signed in sees what happened. Nobody writes it: the system does."
  use Spark.Dsl.Fragment, of: Ash.Resource, authorizers: [Ash.Policy.Authorizer]

  policies do
    policy action_type(:read) do
      authorize_if actor_present()
    end
  end
end
