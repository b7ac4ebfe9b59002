"""Applying the phases of a path: preflight, site, checkpoints, rollback."""
