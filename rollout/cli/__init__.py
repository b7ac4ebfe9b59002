"""Commands that deploy nothing: set-up, doctor, and the preview of a plan."""
