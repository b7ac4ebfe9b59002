[
  # Removes expired tokens.
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{AshAuthentication.Supervisor, otp_app: :xavos}"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_authentication"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_authentication_phoenix"}
]
