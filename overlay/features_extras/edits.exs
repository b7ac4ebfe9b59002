[
  # The admin, for operators, wherever XAVOS runs.
  {:replace, "lib/xavos_web/router.ex",
   ~S"""
   if Application.compile_env(:xavos, :dev_routes) do
     import AshAdmin.Router

     scope "/admin" do
       pipe_through :browser

       ash_admin "/"
     end
   end
   """,
   ~S"""
   import AshAdmin.Router

   scope "/admin" do
     pipe_through [:browser, :operators]

     ash_admin "/",
       csp_nonce_assign_key: :csp_nonce,
       session: [{AshAuthentication.Phoenix.LiveSession, :generate_session, [:xavos, []]}],
       on_mount: [AshAuthentication.Phoenix.LiveSession, {XavosWeb.Access, :operator}]
   end
   """},
  {:insert_before, "lib/xavos_web/router.ex",
   ~S"""
   import AshAdmin.Router
   """,
   ~S"""
   pipeline :operators do
     plug XavosWeb.Access, :operator
   end
   """},
  {:list_add, "lib/xavos/coordination.ex", :extensions, "AshAdmin.Domain"},
  {:list_add, "lib/xavos/coordination.ex", :fragments, "Xavos.Coordination.Api"},
  {:module_append, "lib/xavos/coordination.ex",
   ~S"""

   admin do
     show? true
   end
   """},
  {:list_add, "lib/xavos/coordination/team.ex", :fragments, "Xavos.Coordination.Team.Api"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Api"},
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Api"},
  {:list_add, "lib/xavos/coordination/coordination_event.ex", :fragments, "Xavos.Coordination.CoordinationEvent.Api"},
  {:replace, "lib/xavos_web/ash_json_api_router.ex",
   ~S"""
   use AshJsonApi.Router,
     domains: [Xavos.Accounts],
     open_api: "/open_api"
   """,
   ~S"""
   use AshJsonApi.Router,
     domains: [Xavos.Accounts, Xavos.Coordination],
     open_api: "/open_api",
     open_api_title: "XAVOS",
     open_api_version: "1.0",
     modify_open_api: {XavosWeb.OpenApi, :valid, []}
   """},
  # Compiled into ash_admin, which so is compiled once more.
  {:append, "config/config.exs",
   ~S"""

   # Who acts in the admin.
   config :ash_admin, :actor_plug, XavosWeb.AdminActor
   """}
]
