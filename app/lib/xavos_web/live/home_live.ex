defmodule XavosWeb.HomeLive do
  @moduledoc "The home page: the agents and their states, updated live."
  use XavosWeb, :live_view

  alias Xavos.Coordination

  # Milliseconds between two looks at the agents.
  @refresh 2_000

  @impl true
  def mount(_params, _session, socket) do
    if connected?(socket), do: Process.send_after(self(), :refresh, @refresh)

    {:ok,
     socket
     |> assign(page_title: "XAVOS", connected: connected?(socket))
     |> load_agents()}
  end

  @impl true
  def handle_info(:refresh, socket) do
    Process.send_after(self(), :refresh, @refresh)
    {:noreply, load_agents(socket)}
  end

  defp load_agents(socket) do
    case Coordination.list_agents(actor: socket.assigns.current_user) do
      {:ok, agents} -> assign(socket, agents: agents, trouble: nil)
      {:error, %{class: :forbidden}} -> assign(socket, agents: [], trouble: :forbidden)
      {:error, _error} -> assign(socket, agents: [], trouble: :unreachable)
    end
  end

  @impl true
  def render(assigns) do
    ~H"""
    <Layouts.app flash={@flash} current_user={@current_user}>
      <h1 class="text-3xl font-bold">XAVOS</h1>
      <p>
        <span :if={@trouble != :forbidden}>
          Coordinating {length(@agents)} {ngettext("agent", "agents", length(@agents))}.
        </span>
        <span id="connection" data-connected={to_string(@connected)} class="badge">
          {if @connected, do: "live", else: "connecting"}
        </span>
      </p>
      <p :if={@trouble == :unreachable} role="alert" class="alert alert-error">
        The agents cannot be read at the moment.
      </p>
      <p :if={@trouble == :forbidden} id="sign-in-first">
        <a href="/sign-in" class="link">Sign in</a> to see the agents.
      </p>
      <p :if={@agents == [] and @trouble == nil} id="no-agents">No agent has registered yet.</p>
      <table :if={@agents != []} id="agents" class="table">
        <thead>
          <tr>
            <th>Agent</th>
            <th>Name</th>
            <th>Status</th>
            <th>Since</th>
          </tr>
        </thead>
        <tbody>
          <tr :for={agent <- @agents} id={"agent-#{agent.id}"}>
            <td><code>{agent.agent_id}</code></td>
            <td>{agent.name}</td>
            <td><span class="badge" data-status={agent.status}>{agent.status}</span></td>
            <td>{Calendar.strftime(agent.inserted_at, "%Y-%m-%d %H:%M:%S")}</td>
          </tr>
        </tbody>
      </table>
    </Layouts.app>
    """
  end
end
