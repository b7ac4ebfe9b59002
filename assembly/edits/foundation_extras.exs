[
  # Where an installer has generated the router of the API.
  {:list_add, "lib/xavos_web/ash_json_api_router.ex", :domains, "Xavos.Coordination"}
]
