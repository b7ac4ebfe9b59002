[
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Oban, Xavos.Jobs.config()}"}
]
