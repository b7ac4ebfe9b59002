"""What the suite knows of a user's own application: rollout.toml, and `init`, which writes it from a repository."""
