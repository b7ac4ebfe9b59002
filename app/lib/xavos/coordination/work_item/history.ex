defmodule Xavos.Coordination.WorkItem.History do
  @moduledoc "Stores every version of a work item: what changed, by which action, and by whom."
  use Spark.Dsl.Fragment, of: Ash.Resource, extensions: [AshPaperTrail.Resource]

  paper_trail do
    primary_key_type :uuid_v7
    change_tracking_mode :changes_only
    store_action_name? true
    ignore_attributes [:inserted_at, :updated_at]
    ignore_actions [:rerank, :count_dependencies]
    # Versions outlive what they are versions of.
    reference_source? false
    belongs_to_actor :user, Xavos.Accounts.User, domain: Xavos.Accounts
    version_extensions authorizers: [Ash.Policy.Authorizer]
    mixin Xavos.Coordination.Versions
  end
end
