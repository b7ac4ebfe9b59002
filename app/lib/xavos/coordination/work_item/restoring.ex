defmodule Xavos.Coordination.WorkItem.Restoring do
  @moduledoc "Actions for `Xavos.Bridge`: they set an item to its entry in a file, without the usual transitions."
  use Spark.Dsl.Fragment, of: Ash.Resource

  alias Xavos.Coordination.Changes.Restore

  # A map of attributes, cast as they are when they are written.
  actions do
    create :restore do
      accept [:work_item_id, :type, :description, :priority, :team_id]
      argument :state, :map, allow_nil?: false
      change Restore
    end

    update :restore_again do
      accept [:type, :description, :priority, :team_id]
      argument :state, :map, allow_nil?: false
      require_atomic? false
      change Restore
    end
  end
end
