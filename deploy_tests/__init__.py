"""The checks: one question each, a module per phase, in the order of the realistic path."""
