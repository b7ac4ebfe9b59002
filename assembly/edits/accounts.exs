[
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Xavos.RateLimit, clean_period: :timer.minutes(10)}"},
  # Forms of live pages are limited by the machine they come from, as others are.
  {:replace, "lib/xavos_web/endpoint.ex",
   ~S"""
   socket "/live", Phoenix.LiveView.Socket,
     websocket: [connect_info: [session: @session_options]],
     longpoll: [connect_info: [session: @session_options]]
   """,
   ~S"""
   socket "/live", Phoenix.LiveView.Socket,
     websocket: [connect_info: [:peer_data, :x_headers, session: @session_options]],
     longpoll: [connect_info: [:peer_data, :x_headers, session: @session_options]]
   """}
]
