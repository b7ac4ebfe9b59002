"""Reverses the changes of a run: undo, rollback, recovery after a kill, and the residue that is left."""
