[
  # Ended in the opposite order: jobs first, then what gives back those that were cut off.
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Xavos.Jobs.HandBack, Xavos.Jobs.instance()}"},
  {:child_before, "lib/xavos/application.ex", "XavosWeb.Endpoint", "{Oban, Xavos.Jobs.config()}"}
]
