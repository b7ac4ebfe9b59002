[
  # Before the first compilation: mime reads its types at compile time, and Plug, Phoenix and all that
  # stand on them are compiled again when they change later (ash_json_api needs this one).
  {:insert_before, "config/config.exs", ~S|import_config "#{config_env()}.exs"|,
   ~S"""
   # JSON:API's media type
   config :mime,
     types: %{"application/vnd.api+json" => ["json"]},
     extensions: %{"json" => "application/json"}
   """}
]
