"""Selects the files of app/ and the edits that each overlay adds to the application."""

from rollout.assembly.manifest import File, InvalidManifest, Manifest, load, matches, write

__all__ = ["File", "InvalidManifest", "Manifest", "load", "matches", "write"]
