[
  # After config/dev.exs and config/test.exs, so that the site has the last word.
  {:append, "config/config.exs",
   ~S"""

   # XAVOS' own configuration.
   import_config "xavos.exs"
   """}
]
