defmodule XavosWeb.LiveUserAuth do
  @moduledoc "Assigns the current user to a live page: `on_mount {XavosWeb.LiveUserAuth, :live_user_optional}`."
  use XavosWeb, :verified_routes

  import Phoenix.Component

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

  def on_mount(:viewer_required, params, session, socket),
    do: XavosWeb.Access.on_mount(:viewer, params, session, socket)

  def on_mount(:operator_required, params, session, socket),
    do: XavosWeb.Access.on_mount(:operator, params, session, socket)
end
