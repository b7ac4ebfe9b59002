"""Makes a rollout.toml out of what a repository says. Each guess has its source; what nothing says is asked for."""
