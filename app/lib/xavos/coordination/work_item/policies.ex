defmodule Xavos.Coordination.WorkItem.Policies do
  @moduledoc """
  Policies: operators may change all work, and an agent account may claim for its agents and change their items.
  """
  use Spark.Dsl.Fragment, of: Ash.Resource, authorizers: [Ash.Policy.Authorizer]

  alias Xavos.Coordination.Checks.OwnAgent

  @own [:start, :report_progress, :block, :unblock, :complete, :fail, :release]
  @claim [:claim_next, :claim_batch]

  policies do
    bypass actor_attribute_equals(:role, :operator) do
      authorize_if always()
    end

    policy action_type(:read) do
      authorize_if actor_present()
    end

    policy action(@own) do
      authorize_if expr(agent.account_id == ^actor(:id))
    end

    policy action(@claim) do
      authorize_if OwnAgent
    end
  end
end
