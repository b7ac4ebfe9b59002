[
  # Users: roles, other ways to sign in, and who may do what with them.
  {:list_add, "lib/xavos/accounts/user.ex", :fragments, "Xavos.Accounts.User.Access"},
  {:replace, "lib/xavos/accounts/user.ex",
   ~S"""
   attribute :hashed_password, :string do
     allow_nil? false
     sensitive? true
   end
   """,
   ~S"""
   # Whoever signs in by other ways only has none.
   attribute :hashed_password, :string do
     sensitive? true
   end
   """},
  {:replace, "lib/xavos/accounts/user.ex",
   ~S"""
   policy always() do
     forbid_if always()
   end
   """,
   ~S"""
   bypass actor_attribute_equals(:role, :operator) do
     authorize_if always()
   end

   policy always() do
     authorize_if actor_present()
   end

   # Everybody sees themselves. What no policy speaks of is forbidden.
   policy action_type(:read) do
     authorize_if expr(id == ^actor(:id))
   end

   policy action_type([:create, :update, :destroy]) do
     forbid_if always()
   end
   """},
  {:replace, "lib/xavos/accounts.ex", "resource Xavos.Accounts.User",
   ~S"""
   resource Xavos.Accounts.User do
     define :list_users, action: :list
     define :get_user, action: :read, get_by: [:id]
     define :get_user_by_email, action: :read, get_by: [:email]
     define :set_role, action: :set_role, args: [:role]
     define :create_service_account, action: :create_service_account
   end

   resource Xavos.Accounts.ApiKey do
     define :issue_api_key, action: :issue
     define :list_api_keys, action: :list
     define :get_api_key, action: :read, get_by: [:id]
     define :revoke_api_key, action: :revoke
   end

   # Written and read by AshAuthentication alone.
   """},

  # Who may do what with what is coordinated.
  {:list_add, "lib/xavos/coordination/team.ex", :fragments, "Xavos.Coordination.Team.Policies"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Policies"},
  {:list_add, "lib/xavos/coordination/agent.ex", :fragments, "Xavos.Coordination.Agent.Account"},
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Policies"},
  {:list_add, "lib/xavos/coordination/work_item_dependency.ex", :fragments, "Xavos.Coordination.WorkItemDependency.Policies"},
  {:list_add, "lib/xavos/coordination/coordination_event.ex", :fragments, "Xavos.Coordination.CoordinationEvent.Policies"},

  # Pages and API.
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Xavos.RateLimit, clean_period: :timer.minutes(10)}"},
  {:replace, "lib/xavos_web/router.ex", "plug :put_secure_browser_headers",
   ~S"""
   plug :put_secure_browser_headers
   plug XavosWeb.SecureHeaders
   plug XavosWeb.LimitRequests
   """},
  {:pipeline_append, "lib/xavos_web/router.ex", :api, "plug XavosWeb.ApiAccess"},
  # Forms of live pages are limited by the machine they come from, as others are.
  {:replace, "lib/xavos_web/endpoint.ex",
   ~S"""
   socket "/live", Phoenix.LiveView.Socket,
     websocket: [connect_info: [session: @session_options]],
     longpoll: [connect_info: [session: @session_options]]
   """,
   ~S"""
   socket "/live", Phoenix.LiveView.Socket,
     websocket: [connect_info: [:peer_data, session: @session_options]],
     longpoll: [connect_info: [:peer_data, session: @session_options]]
   """},
  {:replace, "lib/xavos_web/router.ex",
   ~S"""
   sign_in_route register_path: "/register",
                 auth_routes_prefix: "/auth",
                 on_mount: [{XavosWeb.LiveUserAuth, :live_no_user}],
                 overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
   """,
   ~S"""
   sign_in_route register_path: "/register",
                 auth_routes_prefix: "/auth",
                 on_mount: [{XavosWeb.LiveUserAuth, :live_no_user}, XavosWeb.ClientOfPage],
                 overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
   """},
  {:insert_before, "lib/xavos_web/router.ex", ~S|auth_routes AuthController, Xavos.Accounts.User, path: "/auth"|,
   ~S"""
   # The token is a parameter, which no log shows, and not part of the path, which every log does.
   magic_sign_in_route(Xavos.Accounts.User, :magic_link,
     token_as_route_param?: false,
     auth_routes_prefix: "/auth",
     overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
   )
   """},
  # Whoever signs in has a session of their own from then on.
  {:replace, "lib/xavos_web/controllers/auth_controller.ex",
   ~S"""
   conn
   |> delete_session(:return_to)
   |> store_in_session(user)
   |> assign(:current_user, user)
   |> put_flash(:info, "You are signed in")
   |> redirect(to: return_to)
   """,
   ~S"""
   conn
   |> begin_anew()
   |> store_in_session(user)
   |> assign(:current_user, user)
   |> put_flash(:info, "You are signed in")
   |> redirect(to: return_to)
   """},
  {:module_append, "lib/xavos_web/controllers/auth_controller.ex",
   ~S"""

   # A session that somebody has planted before is not shared, and no form from before is good.
   defp begin_anew(conn) do
     Plug.CSRFProtection.delete_csrf_token()

     conn
     |> configure_session(renew: true)
     |> Plug.Conn.clear_session()
   end
   """},
  # The names that pages ask for; what they mean is in one place.
  {:module_append, "lib/xavos_web/live_user_auth.ex",
   ~S"""
   def on_mount(:viewer_required, params, session, socket),
     do: XavosWeb.Access.on_mount(:viewer, params, session, socket)

   def on_mount(:operator_required, params, session, socket),
     do: XavosWeb.Access.on_mount(:operator, params, session, socket)
   """},
  # Development's own pages: their scripts and styles carry the nonce. The mailbox holds links by which
  # anybody can be signed in, and who sits at this machine cannot be told from who comes through a proxy at it.
  {:replace, "lib/xavos_web/router.ex",
   ~S"""
   scope "/dev" do
     pipe_through :browser

     live_dashboard "/dashboard", metrics: XavosWeb.Telemetry
     forward "/mailbox", Plug.Swoosh.MailboxPreview
   end
   """,
   ~S"""
   scope "/dev" do
     pipe_through [:browser, XavosWeb.RequireOperator]

     live_dashboard "/dashboard", metrics: XavosWeb.Telemetry, csp_nonce_assign_key: :csp_nonce

     forward "/mailbox", Plug.Swoosh.MailboxPreview,
       csp_nonce_assign_key: %{script: :csp_nonce, style: :csp_nonce}
   end
   """},
  {:append, "config/config.exs",
   ~S"""

   # Who gets in, and how often they may try.
   import_config "accounts.exs"
   """}
]
