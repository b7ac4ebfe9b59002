"""Phases: the functions of a phase, the step object that they work with, and the result."""
