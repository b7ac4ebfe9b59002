"""A phase: its code, its result, and the step that its code works with."""
