[
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Lifecycle"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.History"},
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Lifecycle"},
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.History"},
  {:insert_before, "lib/xavos/coordination.ex", "define :remove_agent, action: :destroy",
   """
   define :activate_agent, action: :activate
   define :begin_maintenance, action: :begin_maintenance
   define :take_agent_offline, action: :go_offline
   define :expire_agent, action: :expire
   define :heartbeat, action: :heartbeat
   define :take_on, action: :take_on
   define :lay_down, action: :lay_down
   """},
  {:insert_before, "lib/xavos/coordination.ex", "define :remove_work_item, action: :destroy",
   """
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
   """},
  {:list_add, "lib/xavos/coordination.ex", :extensions, "AshPaperTrail.Domain"},
  {:module_append, "lib/xavos/coordination.ex",
   ~S"""

   paper_trail do
     include_versions? true
   end
   """},
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint",
   "{Oban, Xavos.Jobs.config()}"},
  {:append, "config/config.exs",
   ~S"""

   # Background jobs.
   import_config "features.exs"
   """},
  {:list_add, ".formatter.exs", :import_deps, ":oban"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_oban"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_state_machine"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_paper_trail"}
]
