[
  # As ash_settings, for ash_json_api.
  {:append, "config/config.exs",
   ~S"""

   # Behaviour of AshJsonApi that becomes the default in its next major version
   config :ash_json_api,
     show_public_calculations_when_loaded?: false,
     authorize_update_destroy_with_error?: true
   """}
]
