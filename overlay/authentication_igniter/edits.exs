[
  # The first page knows who is signed in.
  {:replace, "lib/xavos_web/router.ex", ~S|get "/", PageController, :home|,
   ~S"""
   ash_authentication_live_session :public,
     on_mount: {XavosWeb.LiveUserAuth, :live_user_optional} do
     live "/", HomeLive
   end
   """},
  # Nothing of the pages to sign in and to register comes from another server.
  {:module_append, "lib/xavos_web/auth_overrides.ex",
   ~S"""
   override AshAuthentication.Phoenix.Components.Banner do
     set :image_url, nil
     set :dark_image_url, nil
     set :text, "XAVOS"
     set :text_class, "text-3xl font-bold"
   end
   """}
]
