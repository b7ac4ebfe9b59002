defmodule Xavos.Coordination do
  @moduledoc """
  What XAVOS coordinates: teams, the agents in them, the work they do, and a record of what happened.

  Everything outside goes through the functions that this domain defines.
  """
  use Ash.Domain,
    otp_app: :xavos,
    extensions: [],
    fragments: []

  resources do
    resource Xavos.Coordination.Team do
      define :create_team, action: :create
      define :list_teams, action: :list
      define :get_team, action: :read, get_by: [:id]
      define :get_team_by_name, action: :read, get_by: [:name]
      define :update_team, action: :update
      define :remove_team, action: :destroy
    end

    resource Xavos.Coordination.Agent do
      define :register_agent, action: :register
      define :list_agents, action: :list
      define :get_agent, action: :read, get_by: [:id]
      define :get_agent_by_agent_id, action: :read, get_by: [:agent_id]
      define :update_agent, action: :update
      define :set_agent_status, action: :set_status, args: [:status]
      define :remove_agent, action: :destroy
    end

    resource Xavos.Coordination.WorkItem do
      define :add_work_item, action: :add
      define :list_work_items, action: :list
      define :get_work_item, action: :read, get_by: [:id]
      define :get_work_item_by_work_item_id, action: :read, get_by: [:work_item_id]
      define :update_work_item, action: :update
      define :remove_work_item, action: :destroy
    end

    resource Xavos.Coordination.WorkItemDependency do
      define :add_dependency, action: :add, args: [:work_item_id, :depends_on_id]
      define :list_dependencies, action: :read
      define :remove_dependency, action: :destroy
    end

    resource Xavos.Coordination.CoordinationEvent do
      define :record_event, action: :record
      define :list_events, action: :recent
    end
  end
end
