[
  {:list_add, "config/config.exs", :ash_domains, "Xavos.Coordination"}
]
