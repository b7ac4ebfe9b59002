"""Where a deployment lives: forge, worktree, database, server."""
