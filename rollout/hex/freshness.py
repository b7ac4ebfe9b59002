"""HTTP freshness: how long a cached answer may be used, and how to revalidate it (RFC 9110, 9111)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from rollout.hex.http_cache import Entry
from rollout.hex.http_client import UpstreamResponse, Validators

FRESH_SECONDS = 300.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})")
_NOT_KEPT = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)\b")
_NO_STORE = re.compile(r"(?:^|[,\s])no-store\b")
_GRAIN_SECONDS = 2.0  # two changes within this time can have the same Last-Modified


def lifetime(headers: Mapping[str, str]) -> float | None:
    """For how many seconds the server allows a cached copy, None where it does not say (RFC 9111, 5.2)."""
    directives = headers.get("cache-control", "").lower()
    if _NOT_KEPT.search(directives):
        return 0.0
    found = _MAX_AGE.search(directives)
    if found is None:
        return None
    age = headers.get("age", "0")
    return max(0.0, float(found[1]) - (float(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0.0))


def validators_of(headers: Mapping[str, str]) -> Validators:
    """The validators for a later conditional request.

    A Last-Modified as recent as the response itself is no validator (RFC 9110, 8.8.2.2).
    """
    if _NO_STORE.search(headers.get("cache-control", "").lower()):
        return Validators()
    modified = headers.get("last-modified")
    changed, answered = _time(modified), _time(headers.get("date"))
    if changed is None or (answered is not None and (answered - changed).total_seconds() < _GRAIN_SECONDS):
        modified = None
    return Validators(etag=headers.get("etag"), modified=modified)


def cached_validators(entry: Entry | None) -> Validators:
    """The validators of the cached copy."""
    return Validators(etag=entry.upstream_etag, modified=entry.upstream_modified) if entry else Validators()


def is_about_another_copy(answer: UpstreamResponse, entry: Entry) -> bool:
    """Whether a "not modified" response is about another copy than the cached one."""
    etag, modified = answer.headers.get("etag"), answer.headers.get("last-modified")
    return bool(
        (etag and entry.upstream_etag and _strong(etag) != _strong(entry.upstream_etag))
        or (modified and entry.upstream_modified and modified != entry.upstream_modified)
    )


def _strong(etag: str) -> str:
    return etag.removeprefix("W/")


def _time(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
