defmodule Xavos.Coordination do
  @moduledoc """
  The domain of the coordination: teams, their agents, work, and the events of all changes.

  Everything outside goes through the functions that this domain defines.
  """
  use Ash.Domain,
    otp_app: :xavos,
    extensions: [AshPaperTrail.Domain, AshAdmin.Domain],
    fragments: [Xavos.Coordination.Api]

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
      define :activate_agent, action: :activate
      define :begin_maintenance, action: :begin_maintenance
      define :take_agent_offline, action: :go_offline
      define :expire_agent, action: :expire
      define :heartbeat, action: :heartbeat
      define :take_on, action: :take_on
      define :lay_down, action: :lay_down
      define :remove_agent, action: :destroy
    end

    resource Xavos.Coordination.WorkItem do
      define :add_work_item, action: :add
      define :list_work_items, action: :list
      define :get_work_item, action: :read, get_by: [:id]
      define :get_work_item_by_work_item_id, action: :read, get_by: [:work_item_id]
      define :update_work_item, action: :update
      define :assign_work_item, action: :assign, args: [:agent_id]
      define :start_work_item, action: :start
      define :report_progress, action: :report_progress, args: [:progress]
      define :block_work_item, action: :block, args: [:reason]
      define :unblock_work_item, action: :unblock
      define :complete_work_item, action: :complete, args: [:result]
      define :fail_work_item, action: :fail, args: [:reason]
      define :cancel_work_item, action: :cancel
      define :release_work_item, action: :release
      define :retry_work_item, action: :retry
      define :schedule_work_item, action: :schedule
      define :claim_next, action: :claim_next, args: [:agent_id]
      define :claim_batch, action: :claim_batch, args: [:agent_id, :limit]
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

  paper_trail do
    include_versions? true
  end

  admin do
    show? true
  end
end
