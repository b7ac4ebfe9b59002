defmodule XavosWeb.Access do
  @moduledoc """
  Restricts pages to roles: `on_mount {XavosWeb.Access, :viewer}` or `:operator` for live pages, `plug
  XavosWeb.Access, :operator` for others. Visitors are redirected to sign-in. Signed-in users without the role get a
  message.
  """
  @behaviour Plug

  use XavosWeb, :verified_routes

  import Phoenix.Component, only: [assign: 3, assign_new: 3]

  alias Phoenix.{Controller, LiveView}
  alias Plug.Conn
  alias Xavos.Accounts
  alias Xavos.Accounts.User.TellOfRole

  @people %{viewer: [:viewer, :operator], operator: [:operator]}

  def on_mount(needed, _params, _session, socket) do
    socket = assign_new(socket, :current_user, fn -> nil end)

    case allows(socket.assigns.current_user, needed) do
      :ok ->
        {:cont, follow_role(socket, needed)}

      :sign_in ->
        {:halt, LiveView.redirect(socket, to: ~p"/sign-in")}

      :forbidden ->
        {:halt, leave(socket)}
    end
  end

  # A page that is open goes on with the role of now; where that may not see it, it is left.
  defp follow_role(socket, needed) do
    if LiveView.connected?(socket) do
      TellOfRole.subscribe(socket.assigns.current_user.id)
      LiveView.attach_hook(socket, __MODULE__, :handle_info, &role_changed(&1, &2, needed))
    else
      socket
    end
  end

  defp role_changed({:role_changed, id}, socket, needed) do
    user = Accounts.get_user!(id, authorize?: false)

    case allows(user, needed) do
      :ok -> {:halt, assign(socket, :current_user, user)}
      :forbidden -> {:halt, leave(socket)}
    end
  end

  defp role_changed(_message, socket, _needed), do: {:cont, socket}

  defp leave(socket) do
    socket
    |> LiveView.put_flash(:error, "Only operators may do that.")
    |> LiveView.redirect(to: ~p"/")
  end

  @impl true
  def init(needed), do: needed

  @impl true
  def call(conn, needed) do
    case allows(conn.assigns[:current_user], needed) do
      :ok ->
        conn

      :sign_in ->
        conn
        |> Conn.put_session(:return_to, Controller.current_path(conn))
        |> Controller.redirect(to: ~p"/sign-in")
        |> Conn.halt()

      :forbidden ->
        conn
        |> Conn.put_resp_content_type("text/plain")
        |> Conn.send_resp(403, "Only operators may see this.")
        |> Conn.halt()
    end
  end

  defp allows(nil, _needed), do: :sign_in
  defp allows(%{role: role}, needed), do: if(role in @people[needed], do: :ok, else: :forbidden)
end
