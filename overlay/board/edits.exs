[
  {:list_add, "lib/xavos/coordination/work_item.ex", :fragments, "Xavos.Coordination.WorkItem.Board"},
  {:insert_before, "lib/xavos_web/router.ex", "sign_out_route AuthController",
   ~S"""
   ash_authentication_live_session :board,
     on_mount: [
       {XavosWeb.LiveUserAuth, :live_user_optional},
       {XavosWeb.Access, :viewer}
     ] do
     live "/coordination", CoordinationLive
   end

   """},

  # The way to the pages, and their style, for every page.
  {:replace, "lib/xavos_web/components/layouts.ex",
   ~S'''
   def app(assigns) do
     ~H"""
     <header class="navbar bg-base-200 px-4 sm:px-6 lg:px-8">
       <a href="/" class="flex-1 text-xl font-semibold">XAVOS</a>
       <nav class="flex-none space-x-4">
         <%= if @current_user do %>
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
   ''',
   ~S'''
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
   '''}
]
