defmodule XavosWeb.Layouts do
  @moduledoc "The layout of every page."
  use XavosWeb, :html

  embed_templates "layouts/*"

  @doc """
  The frame of a page: its head with who is signed in, the content, messages.

      <Layouts.app flash={@flash} current_user={@current_user}>
        <h1>Content</h1>
      </Layouts.app>
  """
  attr :flash, :map, required: true, doc: "the messages to show"
  attr :current_user, :map, default: nil, doc: "who is signed in"
  slot :inner_block, required: true

  def app(assigns) do
    ~H"""
    <link phx-track-static rel="stylesheet" href={~p"/assets/css/board.css"} />
    <header class="navbar bg-base-200 px-4 sm:px-6 lg:px-8">
      <a href="/" class="flex-1 text-xl font-semibold">XAVOS</a>
      <nav class="flex-none space-x-4">
        <%= if @current_user do %>
          <XavosWeb.Navigation.pages current_user={@current_user} />
          <span id="current-user">{@current_user.email}</span>
          <a href="/sign-out" class="btn btn-ghost">Sign out</a>
        <% else %>
          <a href="/register" class="btn btn-ghost">Register</a>
          <a href="/sign-in" class="btn btn-primary">Sign in</a>
        <% end %>
      </nav>
    </header>

    <main class="px-4 py-10 sm:px-6 lg:px-8">
      <div class="mx-auto max-w-4xl space-y-4">
        {render_slot(@inner_block)}
      </div>
    </main>

    <.flash_group flash={@flash} />
    """
  end

  @doc "The messages of a page, and a note while its socket is away."
  attr :flash, :map, required: true, doc: "the messages to show"
  attr :id, :string, default: "flash-group", doc: "the id of the element around them"

  def flash_group(assigns) do
    ~H"""
    <div id={@id} aria-live="polite">
      <.flash kind={:info} flash={@flash} />
      <.flash kind={:error} flash={@flash} />
      <p
        id="disconnected"
        class="alert alert-error"
        phx-disconnected={JS.remove_attribute("hidden")}
        phx-connected={JS.set_attribute({"hidden", ""})}
        hidden
      >
        The server cannot be reached. Trying again.
      </p>
    </div>
    """
  end
end
