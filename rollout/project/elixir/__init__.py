"""Reads Elixir source without running it: tokens, nested groups, calls, and simple values."""
