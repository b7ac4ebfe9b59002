[
  # The first page knows who is signed in.
  {:replace, "lib/xavos_web/router.ex", ~S|get "/", PageController, :home|,
   ~S"""
   ash_authentication_live_session :public,
     on_mount: {XavosWeb.LiveUserAuth, :live_user_optional} do
     live "/", HomeLive
   end
   """}
]
