"""What a phase asked of the registry, and whether the source would still say the same: what makes a
checkpoint stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from rollout.hex.gateway import Gateway

_AT_ONCE = 16
ABSENT = "absent"


def asked_since(gateway: Gateway, mark: int) -> Mapping[str, str]:
    """Registry path (`/packages/NAME`) → digest of the source's answer, for everything asked since the mark."""
    paths = {
        record.path
        for record in gateway.records_since(mark)
        if record.area == "hex" and record.path.startswith("/packages/")
    }
    return _answers(gateway, paths)


def still_answers(gateway: Gateway, asked: Mapping[str, str]) -> bool:
    """True where every answer is what it was. A source that cannot be reached now counts as unchanged."""
    now = _answers(gateway, set(asked))
    return all(now.get(path, digest) == digest for path, digest in asked.items())


def _answers(gateway: Gateway, paths: set[str]) -> dict[str, str]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        served = zip(paths, pool.map(gateway.ask, paths), strict=True)
        return {
            path: ABSENT if answer.status != 200 else hashlib.blake2b(answer.read(), digest_size=16).hexdigest()
            for path, answer in served
            if answer.cause is None
        }
