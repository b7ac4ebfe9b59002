"""Builds the responses of hex.pm's API for packages and releases from registry data."""

from __future__ import annotations

from rollout.hex.etf import Term
from rollout.hex.registry import Package, Release
from rollout.hex.version import Version


def package_document(package: Package, *, base: str) -> dict[str, Term]:
    """The document of `/api/packages/NAME`, releases newest first. Fields that the registry lacks are empty.

    `base` is the URL of the API.
    """
    releases = sorted(package.releases, key=lambda each: Version.parse(each.version), reverse=True)
    url = f"{base}/packages/{package.name}"
    stable = (each.version for each in releases if not Version.parse(each.version).pre and each.retired is None)
    latest = releases[0].version if releases else None
    return {
        "name": package.name,
        "repository": package.repository,
        "private": None,
        "url": url,
        "html_url": None,
        "docs_html_url": None,
        "inserted_at": None,
        "updated_at": None,
        "latest_version": latest,
        "latest_stable_version": next(stable, None),
        "meta": {
            "description": "(not in the registry)",
            "licenses": [],
            "links": {},
            "maintainers": [],
        },
        "downloads": {},
        "owners": [],
        "configs": _configs(package.name, latest),
        "releases": [
            {
                "version": each.version,
                "url": f"{url}/releases/{each.version}",
                "has_docs": False,
                "inserted_at": None,
            }
            for each in releases
        ],
        "retirements": {each.version: _retirement(each) for each in releases if each.retired is not None},
    }


def release_document(package: Package, release: Release, *, base: str) -> dict[str, Term]:
    """The document of `/api/packages/NAME/releases/VERSION`."""
    url = f"{base}/packages/{package.name}"
    return {
        "version": release.version,
        "url": f"{url}/releases/{release.version}",
        "package_url": url,
        "html_url": None,
        "has_docs": False,
        "docs_html_url": None,
        "checksum": release.outer_checksum.hex() if release.outer_checksum else None,
        "inserted_at": None,
        "updated_at": None,
        "downloads": 0,
        "publisher": None,
        "retirement": _retirement(release),
        "meta": {"app": package.name, "build_tools": ["mix"], "elixir": None},
        "configs": _configs(package.name, release.version),
        "requirements": {
            each.package: {"app": each.app, "requirement": each.requirement, "optional": each.optional}
            for each in release.dependencies
        },
    }


def _configs(name: str, version: str | None) -> dict[str, Term]:
    if version is None:
        return {}
    parsed = Version.parse(version)
    short = f"{parsed.major}.{parsed.minor}" if not parsed.pre else str(parsed)
    return {"mix.exs": f'{{:{name}, "~> {short}"}}'}


def _retirement(release: Release) -> Term:
    if release.retired is None:
        return None
    return {"reason": release.retired.reason, "message": release.retired.message}
