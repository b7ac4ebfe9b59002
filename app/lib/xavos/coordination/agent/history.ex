defmodule Xavos.Coordination.Agent.History do
  @moduledoc "Stores every version of an agent: what changed, by which action, and by whom."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPaperTrail.Resource]

  paper_trail do
    primary_key_type :uuid_v7
    change_tracking_mode :changes_only
    store_action_name? true
    # What only counts changes all the time and tells nothing.
    ignore_attributes [:inserted_at, :updated_at, :workload, :last_heartbeat_at]
    ignore_actions [:heartbeat, :take_on, :lay_down, :take_on_more, :count_workload]
    # Versions outlive what they are versions of.
    reference_source? false
    belongs_to_actor :user, Xavos.Accounts.User, domain: Xavos.Accounts
    version_extensions authorizers: [Ash.Policy.Authorizer]
    mixin Xavos.Coordination.Versions
  end
end
