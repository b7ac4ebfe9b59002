defmodule Xavos.Coordination.Agent.Policies do
  @moduledoc "Policies: operators may change all agents, and an agent account may register and change its own."
  use Spark.Dsl.Fragment, of: Ash.Resource, authorizers: [Ash.Policy.Authorizer]

  @own [:set_status, :activate, :begin_maintenance, :go_offline, :heartbeat]

  policies do
    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy action_type(:read) do
      authorize_if actor_present()
    end

    policy action(:register) do
      authorize_if actor_attribute_equals(:role, :agent)
    end

    policy action(@own) do
      authorize_if expr(account_id == ^actor(:id))
    end
  end
end
