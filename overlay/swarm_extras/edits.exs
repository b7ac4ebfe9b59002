[
  # Agents ask for work over the API as well.
  {:insert_before, "lib/xavos/coordination/api.ex", ~S|patch :assign, route: "/:id/assign"|,
   ~S|post :claim_next, route: "/claim"|}
]
