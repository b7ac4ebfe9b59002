if Code.ensure_loaded?(Igniter) do
  defmodule Mix.Tasks.AshAuthenticationPhoenix.Install do
    @shortdoc "Generates the pages to sign in (rehearsal stand-in)"
    @moduledoc @shortdoc
    use Igniter.Mix.Task
    alias Igniter.Project

    @impl Igniter.Mix.Task
    def igniter(igniter) do
      user = Project.module("Accounts.User")

      if Igniter.exists?(igniter, Project.file(user)),
        do: set_up(igniter, user),
        else:
          Igniter.add_issue(
            igniter,
            "Could not find user module: #{user}. Something went wrong with installing ash_authentication."
          )
    end

    defp set_up(igniter, user) do
      igniter
      |> Project.import_dep(:ash_authentication_phoenix)
      |> Igniter.create_file(".igniter.exs", "[\n  extensions: [{Igniter.Extensions.Phoenix, []}]\n]\n")
      |> Igniter.create_file("lib/#{Project.app()}_web/controllers/auth_controller.ex", controller())
      |> Igniter.create_file(Project.file(Project.web("AuthOverrides")), overrides())
      |> Igniter.create_file(Project.file(Project.web("LiveUserAuth")), live_user_auth())
      |> Igniter.edit_file(Project.file(Project.web("Router")), &router(&1, user))
    end

    defp router(text, user) do
      with false <- text =~ "AshAuthentication.Phoenix.Router",
           use_router = "  use #{Project.web()}, :router\n",
           text =
             String.replace(
               text,
               use_router,
               use_router <> "  use AshAuthentication.Phoenix.Router\n\n  import AshAuthentication.Plug.Helpers\n"
             ),
           text when is_binary(text) <- Project.append(text, "pipeline :browser do", "    plug :load_from_session"),
           text when is_binary(text) <-
             Project.append(text, "pipeline :api do", "    plug :load_from_bearer\n    plug :set_actor, :user"),
           text when is_binary(text) <- Project.append(text, "scope \"/\", #{Project.web()} do", routes(user)) do
        session =
          "    ash_authentication_live_session :authenticated_routes do\n      # live views of signed-in users\n    end"

        scope = "  scope \"/\", #{Project.web()} do\n    pipe_through :browser\n\n#{session}\n  end\n"

        String.replace(text, "  scope \"/\", #{Project.web()} do\n", scope <> "\n  scope \"/\", #{Project.web()} do\n",
          global: false
        )
      else
        true -> text
        warning -> warning
      end
    end

    defp routes(user) do
      overrides = "overrides: [#{Project.web("AuthOverrides")}, AshAuthentication.Phoenix.Overrides.Default]"

      """
          auth_routes AuthController, #{user}, path: "/auth"
          sign_out_route AuthController

          sign_in_route register_path: "/register",
                        reset_path: "/reset",
                        auth_routes_prefix: "/auth",
                        on_mount: [{#{Project.web("LiveUserAuth")}, :live_no_user}],
                        #{overrides}

          reset_route auth_routes_prefix: "/auth",
                      #{overrides}
      """
      |> String.trim_trailing()
    end

    defp controller do
      """
      defmodule #{Project.web("AuthController")} do
        use #{Project.web()}, :controller
        use AshAuthentication.Phoenix.Controller

        def success(conn, _activity, user, _token) do
          return_to = get_session(conn, :return_to) || ~p"/"

          conn
          |> delete_session(:return_to)
          |> store_in_session(user)
          |> assign(:current_user, user)
          |> put_flash(:info, "You are signed in")
          |> redirect(to: return_to)
        end

        def failure(conn, _activity, _reason) do
          conn
          |> put_flash(:error, "Incorrect email or password")
          |> redirect(to: ~p"/sign-in")
        end

        def sign_out(conn, _params) do
          conn
          |> clear_session(:#{Project.app()})
          |> put_flash(:info, "You are signed out")
          |> redirect(to: ~p"/")
        end
      end
      """
    end

    defp overrides do
      """
      defmodule #{Project.web("AuthOverrides")} do
        use AshAuthentication.Phoenix.Overrides

        # Nothing is overridden yet.
      end
      """
    end

    defp live_user_auth do
      """
      defmodule #{Project.web("LiveUserAuth")} do
        @moduledoc "Who is looking at a live page."

        import Phoenix.Component
        use #{Project.web()}, :verified_routes

        def on_mount(:live_user_optional, _params, _session, socket) do
          {:cont, assign_new(socket, :current_user, fn -> nil end)}
        end

        def on_mount(:live_user_required, _params, _session, socket) do
          if socket.assigns[:current_user] do
            {:cont, socket}
          else
            {:halt, Phoenix.LiveView.redirect(socket, to: ~p"/sign-in")}
          end
        end

        def on_mount(:live_no_user, _params, _session, socket) do
          if socket.assigns[:current_user] do
            {:halt, Phoenix.LiveView.redirect(socket, to: ~p"/")}
          else
            {:cont, assign(socket, :current_user, nil)}
          end
        end
      end
      """
    end
  end
else
  defmodule Mix.Tasks.AshAuthenticationPhoenix.Install do
    @shortdoc "Installs ash_authentication_phoenix (needs igniter)"
    @moduledoc @shortdoc
    use Mix.Task

    @impl true
    def run(_argv) do
      Mix.shell().error("""
      The task 'ash_authentication_phoenix.install' requires igniter to be run.

      Please install igniter and try again.
      """)

      exit({:shutdown, 1})
    end
  end
end
