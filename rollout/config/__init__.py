"""Configuration: parses options, plans and names, and makes the folders of a run."""
