"""Looks up Hex packages, and serves them to the deployment through a caching gateway."""
