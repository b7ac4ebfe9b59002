"""Reads a repository without running it, and says what it found and where."""
