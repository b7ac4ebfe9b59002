"""Undoes the changes of a run, also after it was killed, and lists what is left."""
