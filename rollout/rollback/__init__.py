"""Taking back what a run did: undo, rollback, recovery after a kill, and the list of what is left."""
