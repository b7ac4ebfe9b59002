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
    plug :load_from_session
  end

  pipeline :api do
    plug :accepts, ["json"]
    plug :load_from_bearer
    plug :set_actor, :user
  end

  scope "/", XavosWeb do
    pipe_through :browser

    ash_authentication_live_session :public,
      on_mount: {XavosWeb.LiveUserAuth, :live_user_optional} do
      live "/", HomeLive
    end

    auth_routes AuthController, Xavos.Accounts.User, path: "/auth"
    sign_out_route AuthController

    sign_in_route register_path: "/register",
                  auth_routes_prefix: "/auth",
                  on_mount: [{XavosWeb.LiveUserAuth, :live_no_user}],
                  overrides: [XavosWeb.AuthOverrides, AshAuthentication.Phoenix.Overrides.Default]
  end

  # LiveDashboard and Swoosh mailbox preview, in development only
  if Application.compile_env(:xavos, :dev_routes) do
    import Phoenix.LiveDashboard.Router

    scope "/dev" do
      pipe_through :browser

      live_dashboard "/dashboard", metrics: XavosWeb.Telemetry
      forward "/mailbox", Plug.Swoosh.MailboxPreview
    end
  end
end
