[
  {:list_add, ".formatter.exs", :import_deps, ":ash_admin"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_json_api"},
  {:list_add, "lib/xavos/accounts.ex", :extensions, "AshAdmin.Domain"},
  {:list_add, "lib/xavos/accounts.ex", :extensions, "AshJsonApi.Domain"},
  {:module_append, "lib/xavos/accounts.ex",
   ~S"""

   admin do
     show? true
   end
   """},
  {:module_append, "lib/xavos_web/router.ex",
   ~S"""

   scope "/api/json" do
     pipe_through :api

     forward "/", XavosWeb.AshJsonApiRouter
   end

   # AshAdmin asks nobody who they are: in development only.
   if Application.compile_env(:xavos, :dev_routes) do
     import AshAdmin.Router

     scope "/admin" do
       pipe_through :browser

       ash_admin "/"
     end
   end
   """}
]
