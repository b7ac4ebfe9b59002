[
  import_deps: [
    :ecto,
    :ecto_sql,
    :phoenix,
    :ash,
    :ash_postgres,
    :ash_phoenix,
    :ash_authentication,
    :ash_authentication_phoenix,
    :ash_admin,
    :ash_json_api,
    :oban,
    :ash_oban,
    :ash_state_machine,
    :ash_paper_trail
  ],
  subdirectories: ["priv/*/migrations"],
  plugins: [Phoenix.LiveView.HTMLFormatter],
  inputs: ["*.{heex,ex,exs}", "{config,lib,test}/**/*.{heex,ex,exs}", "priv/*/seeds.exs"]
]
