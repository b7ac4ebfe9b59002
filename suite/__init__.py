"""The pytest plugins that add options, sort and block checks, and write reports."""
