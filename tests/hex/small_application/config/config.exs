import Config

config :small, ash_domains: [Small.Notes]
config :phoenix, json_library: Jason
