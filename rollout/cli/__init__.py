"""Commands that do not deploy: set up the machine, diagnose it, preview a plan."""
