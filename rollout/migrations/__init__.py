"""Judges migrations of an Ecto application before they run, and measures them on a copy of its database."""
