[
  # By which the releases are told apart: /health/live says it.
  {:project_set, :version, ~S|"0.2.0"|}
]
