[
  # Removes expired tokens.
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{AshAuthentication.Supervisor, otp_app: :xavos}"}
]
