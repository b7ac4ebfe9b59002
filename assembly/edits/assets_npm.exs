[
  # Icons and components come from npm with the tools, pinned by assets/package-lock.json, and not from GitHub.
  {:remove_dep, :heroicons},
  {:remove_dep, :daisyui},
  {:alias_set, :"assets.setup", ~S|["cmd --cd assets npm ci --no-audit --no-fund"]|}
]
