[
  {:list_add, "lib/xavos/coordination.ex", :extensions, "AshAdmin.Domain"},
  {:list_add, "lib/xavos/coordination.ex", :extensions, "AshJsonApi.Domain"},
  {:module_append, "lib/xavos/coordination.ex",
   ~S"""

   admin do
     show? true
   end

   json_api do
     routes do
       base_route "/agents", Xavos.Coordination.Agent do
         index :list
         get :read
         post :register
         patch :set_status
       end
     end
   end
   """},
  {:list_add, "lib/xavos/coordination/agent.ex", :extensions, "AshJsonApi.Resource"},
  {:module_append, "lib/xavos/coordination/agent.ex",
   ~S"""

   json_api do
     type "agent"
   end
   """},
  {:list_add, "lib/xavos_web/ash_json_api_router.ex", :domains, "Xavos.Coordination"}
]
