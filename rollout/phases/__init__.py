"""Defines what a phase is: its functions, their `step` argument and their result."""
