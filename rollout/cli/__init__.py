"""Commands that deploy nothing: setup, doctor, preview of a plan."""
