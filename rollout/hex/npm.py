"""Rewrites tarball URLs in npm metadata, so that npm fetches tarballs through the gateway."""

from __future__ import annotations

import json
import re

ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"
"""The Accept header of `npm install`: metadata without readmes."""

_TARBALL = re.compile(r"https?://[^/]+(?:/.*?)??/((?:@[^/]+/)?[^/@]+/-/[^/]+\.tgz)(?:[?#].*)?")


def rewrite_tarballs(document: bytes, *, base: str) -> bytes:
    """Change every `dist.tarball` of a package's metadata to a URL below `base`. Returns other JSON unchanged."""
    try:
        metadata = json.loads(document)
    except ValueError:
        return document
    if not isinstance(metadata, dict):
        return document
    versions = metadata.get("versions")
    manifests = list(versions.values()) if isinstance(versions, dict) else [metadata]
    for manifest in manifests:
        dist = manifest.get("dist") if isinstance(manifest, dict) else None
        if not isinstance(dist, dict) or not isinstance(dist.get("tarball"), str):
            continue
        match = _TARBALL.fullmatch(dist["tarball"])
        if match:
            dist["tarball"] = f"{base}/{match[1]}"
    return json.dumps(metadata).encode()
