[
  # Claiming, and what keeps the order of it.
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Claiming"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Claiming"},
  {:list_add, "lib/xavos/coordination/work_item_dependency.ex", :fragments,
   "Xavos.Coordination.WorkItemDependency.Counting"},
  {:list_add, "lib/xavos/coordination/team.ex", :fragments, "Xavos.Coordination.Team.Weighing"},
  {:insert_before, "lib/xavos/coordination.ex", "define :remove_work_item, action: :destroy",
   """
   define :claim_next, action: :claim_next, args: [:agent_id]
   define :claim_batch, action: :claim_batch, args: [:agent_id, :limit]
   """},

  # Another rank is no event of the item: it is the team that has changed.
  {:replace, "lib/xavos/coordination/changes/record_event.ex", "@quiet [:heartbeat, :take_on, :lay_down]",
   "@quiet [:heartbeat, :take_on, :lay_down, :take_on_more, :rerank, :count_dependencies, :count_workload]"},
  {:module_append, "lib/xavos/coordination/changes/record_event.ex",
   ~S"""
   # What is not recorded can be done to many at once.
   @impl true
   def atomic(%Changeset{action: %{name: name}} = changeset, _options, _context)
       when name in @quiet,
       do: {:ok, changeset}

   def atomic(_changeset, _options, _context), do: {:not_atomic, "an event is recorded"}
   """},

  # Nor does it make a version; and an agent's history does not say how much it holds.
  {:insert_before, "lib/xavos/coordination/work_item/history.ex", "store_action_name? true", "ignore_actions [:rerank, :count_dependencies]"},
  {:replace, "lib/xavos/coordination/agent/history.ex", "ignore_actions [:heartbeat, :take_on, :lay_down]",
   "ignore_actions [:heartbeat, :take_on, :lay_down, :take_on_more, :count_workload]"},

  # Actions of the bridge.
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Restoring"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Restoring"},

  # Live events.
  {:list_add, "lib/xavos/coordination/coordination_event.ex", :fragments, "Xavos.Coordination.CoordinationEvent.Broadcast"},
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "Xavos.Coordination.Events"},
  {:append, "config/config.exs",
   ~S"""

   # Live events of the coordination.
   import_config "swarm.exs"
   """}
]
