defmodule XavosWeb.HomeLive do
  @moduledoc "The first page."
  use XavosWeb, :live_view

  @impl true
  def mount(_params, _session, socket) do
    {:ok, assign(socket, page_title: "XAVOS")}
  end

  @impl true
  def render(assigns) do
    ~H"""
    <Layouts.app flash={@flash} current_user={@current_user}>
      <h1 class="text-3xl font-bold">XAVOS</h1>
    </Layouts.app>
    """
  end
end
