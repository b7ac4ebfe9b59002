defmodule XavosWeb.Router do
  use XavosWeb, :router
  use AshAuthentication.Phoenix.Router

  import AshAuthentication.Plug.Helpers

  pipeline :browser do
    plug :accepts, ["html"]
    plug :fetch_session
    plug :fetch_live_flash
    plug :put_root_layout, html: {XavosWeb.Layouts, :root}
    plug :protect_from_forgery
    plug :put_secure_browser_headers
    plug XavosWeb.SecureHeaders
    plug XavosWeb.LimitRequests
    plug :load_from_session
  end

  pipeline :api do
    plug :accepts, ["json"]
    plug :load_from_bearer
    plug :set_actor, :user
    plug XavosWeb.ApiAccess
  end

  scope "/", XavosWeb do
    pipe_through :browser

    ash_authentication_live_session :public,
      on_mount: {XavosWeb.LiveUserAuth, :live_user_optional} do
      live "/", HomeLive
    end

    # The token is a parameter, which no log shows, and not part of the path, which every log does.
    magic_sign_in_route(Xavos.Accounts.User, :magic_link,
      token_as_route_param?: false,
      auth_routes_prefix: "/auth",
      overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
    )

    auth_routes AuthController, Xavos.Accounts.User, path: "/auth"

    ash_authentication_live_session :board,
      on_mount: [
        {XavosWeb.LiveUserAuth, :live_user_optional},
        {XavosWeb.Access, :viewer}
      ] do
      live "/coordination", CoordinationLive
    end

    ash_authentication_live_session :intelligence,
      on_mount: [
        {XavosWeb.LiveUserAuth, :live_user_optional},
        {XavosWeb.Access, :viewer}
      ] do
      live "/intelligence", IntelligenceLive
    end

    sign_out_route AuthController

    sign_in_route register_path: "/register",
                  auth_routes_prefix: "/auth",
                  on_mount: [{XavosWeb.LiveUserAuth, :live_no_user}, XavosWeb.ClientOfPage],
                  overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
  end

  # LiveDashboard and Swoosh mailbox preview, in development only
  if Application.compile_env(:xavos, :dev_routes) do
    import Phoenix.LiveDashboard.Router

    scope "/dev" do
      pipe_through [:browser, XavosWeb.RequireOperator]

      live_dashboard "/dashboard", metrics: XavosWeb.Telemetry, csp_nonce_assign_key: :csp_nonce

      forward "/mailbox", Plug.Swoosh.MailboxPreview,
        csp_nonce_assign_key: %{script: :csp_nonce, style: :csp_nonce}
    end
  end

  scope "/api/json" do
    pipe_through :api

    forward "/", XavosWeb.AshJsonApiRouter
  end

  pipeline :operators do
    plug XavosWeb.Access, :operator
  end

  import AshAdmin.Router

  scope "/admin" do
    pipe_through [:browser, :operators]

    ash_admin "/",
      csp_nonce_assign_key: :csp_nonce,
      session: [{AshAuthentication.Phoenix.LiveSession, :generate_session, [:xavos, []]}],
      on_mount: [AshAuthentication.Phoenix.LiveSession, {XavosWeb.Access, :operator}]
  end
end
