defmodule XavosWeb.AdminActor do
  @moduledoc "Whoever uses the admin does so as themselves: policies are asked, and what happened says who did it."
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
