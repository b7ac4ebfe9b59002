defmodule XavosWeb.AdminActor do
  @moduledoc "Sets the signed-in user as the actor of the admin, so that policies and events use that user."
  @behaviour AshAdmin.ActorPlug

  @impl true
  def actor_assigns(socket, session) do
    [
      actor: socket.assigns[:current_user],
      actor_domain: nil,
      actor_resources: [],
      actor_paused: false,
      actor_tenant: nil,
      authorizing: true,
      tenant: session["tenant"]
    ]
  end

  @impl true
  def set_actor_session(conn), do: conn
end
