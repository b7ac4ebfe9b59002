import Config

# JSON:API's media type. mime reads its types when it compiles, and Plug, Phoenix and all that depends on them compile
# again when they change later.
config :mime,
  types: %{"application/vnd.api+json" => ["json"]},
  extensions: %{"json" => "application/json"}

# The bundlers that npm has installed, instead of a download from GitHub.
config :esbuild,
  path: Path.expand("../assets/node_modules/.bin/esbuild", __DIR__),
  version_check: false

config :tailwind,
  path: Path.expand("../assets/node_modules/.bin/tailwindcss", __DIR__),
  version_check: false

# What differs between sites comes from the environment.
import_config "site.exs"

# Production.
import_config "production.exs"

# The domains of the application, and the behaviour of Ash.
import_config "ash.exs"

# Sign-in, sessions and rate limits.
import_config "accounts.exs"

# Background jobs.
import_config "features.exs"

# The actor of the admin. ash_admin reads it when it compiles.
config :ash_admin, :actor_plug, XavosWeb.AdminActor

# Live events of the coordination.
import_config "swarm.exs"

# The adviser and its costs.
import_config "intelligence.exs"
