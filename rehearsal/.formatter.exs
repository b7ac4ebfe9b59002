[
  line_length: 120,
  inputs: ["registry.exs", "packages/*/lib/**/*.ex", "packages/*/.formatter.exs", "patches/*/lib/**/*.ex"]
]
