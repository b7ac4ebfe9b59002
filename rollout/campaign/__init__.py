"""A campaign runs many trials of each path with injected faults, and measures the success rate."""
