[
  # Icons and components come from npm with the tools, pinned by assets/package-lock.json, and not from GitHub.
  {:remove_dep, :heroicons},
  {:remove_dep, :daisyui},
  {:alias_set, :"assets.setup", ~S|["cmd --cd assets npm ci --no-audit --no-fund"]|},
  {:insert_before, "config/config.exs", ~S|import_config "#{config_env()}.exs"|,
   ~S"""
   # The tools that npm installed, instead of a download from GitHub
   config :esbuild,
     path: Path.expand("../assets/node_modules/.bin/esbuild", __DIR__),
     version_check: false

   config :tailwind,
     path: Path.expand("../assets/node_modules/.bin/tailwindcss", __DIR__),
     version_check: false
   """}
]
