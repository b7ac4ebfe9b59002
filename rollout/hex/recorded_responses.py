"""Records which registry entries a phase used, and checks whether the source still serves the same ones.

A checkpoint is stale once they differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from rollout.hex.gateway import Gateway

_AT_ONCE = 16
ABSENT = "absent"


def responses_since(gateway: Gateway, mark: int) -> Mapping[str, str]:
    """Registry path (`/packages/NAME`) → digest of the source's response, for every request since the mark."""
    paths = {
        record.path
        for record in gateway.records_since(mark)
        if record.area == "hex" and record.path.startswith("/packages/")
    }
    return _digests(gateway, paths)


def responses_unchanged(gateway: Gateway, recorded: Mapping[str, str]) -> bool:
    """Whether the source still sends the recorded responses. An unreachable source counts as unchanged."""
    now = _digests(gateway, set(recorded))
    return all(now.get(path, digest) == digest for path, digest in recorded.items())


def _digests(gateway: Gateway, paths: set[str]) -> dict[str, str]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        served = zip(paths, pool.map(gateway.fetch_directly, paths), strict=True)
        return {
            path: ABSENT if answer.status != 200 else hashlib.blake2b(answer.read(), digest_size=16).hexdigest()
            for path, answer in served
            if answer.cause is None
        }
