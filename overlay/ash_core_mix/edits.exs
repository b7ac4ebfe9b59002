[
  {:append, "config/config.exs",
   ~S"""

   # The domains of the application, and how Ash behaves.
   import_config "ash.exs"
   """},
  {:list_add, ".formatter.exs", :import_deps, ":ash"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_postgres"},
  {:list_add, ".formatter.exs", :import_deps, ":ash_phoenix"}
]
