defmodule Xavos.Coordination.Agent.Restoring do
  @moduledoc """
  Actions for `Xavos.Bridge`: they set an agent to its entry in a file, and its workload to its number of items.
  """
  use Spark.Dsl.Fragment, of: Ash.Resource

  alias Xavos.Coordination.Changes.{CountWorkload, Restore}

  actions do
    create :restore do
      accept [:agent_id, :name, :specialization, :capacity, :team_id]
      argument :state, :map, allow_nil?: false
      change Restore
    end

    update :restore_again do
      accept [:name, :specialization, :capacity, :team_id]
      argument :state, :map, allow_nil?: false
      require_atomic? false
      change Restore
    end

    update :count_workload do
      accept []
      require_atomic? false
      change CountWorkload
    end
  end
end
