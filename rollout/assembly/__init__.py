"""The source tree of the application, `app/`: which overlay lays which files, in which shape, with which edits."""

from rollout.assembly.manifest import File, InvalidManifest, Manifest, load, matches, write

__all__ = ["File", "InvalidManifest", "Manifest", "load", "matches", "write"]
