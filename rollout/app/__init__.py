"""Deploys a user's own application: its copy, its settings, and what Mix and Ecto say of it."""
