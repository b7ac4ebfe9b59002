[
  # Live events.
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "Xavos.Coordination.Events"}
]
