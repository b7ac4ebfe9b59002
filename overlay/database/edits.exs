[
  # After config/dev.exs and config/test.exs, so that the site has the last word.
  {:append, "config/config.exs",
   ~S"""

   # What differs between sites comes from the environment.
   import_config "site.exs"
   """}
]
