defmodule XavosWeb.AuthController do
  use XavosWeb, :controller
  use AshAuthentication.Phoenix.Controller

  def success(conn, _activity, user, _token) do
    return_to = get_session(conn, :return_to) || ~p"/"

    conn
    |> begin_anew()
    |> store_in_session(user)
    |> assign(:current_user, user)
    |> put_flash(:info, "You are signed in")
    |> redirect(to: return_to)
  end

  def failure(conn, {:password, :register}, _reason) do
    conn
    |> put_flash(:error, "This e-mail address and password cannot be registered")
    |> redirect(to: ~p"/register")
  end

  def failure(conn, _activity, _reason) do
    conn
    |> put_flash(:error, "Incorrect email or password")
    |> redirect(to: ~p"/sign-in")
  end

  def sign_out(conn, _params) do
    conn
    |> clear_session(:xavos)
    |> put_flash(:info, "You are signed out")
    |> redirect(to: ~p"/")
  end

  # A session that somebody has planted before is not shared, and no form from before is good.
  defp begin_anew(conn) do
    Plug.CSRFProtection.delete_csrf_token()

    conn
    |> configure_session(renew: true)
    |> Plug.Conn.clear_session()
  end
end
