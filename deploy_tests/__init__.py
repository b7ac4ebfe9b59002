"""The checks of a deployment: one module per phase, in the order of the realistic path."""
