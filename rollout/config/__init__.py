"""What the user asked for: options, plan and names, parsed once; and the folders of a run."""
