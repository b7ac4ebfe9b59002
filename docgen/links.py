"""Links of the documentation, as they have to be on the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from rollout.config.options import ROOT

ROOT_PAGES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Page of the site → the file beside docs/ that it is made of."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_LOADED = re.compile(
    r"""(?:\bsrc=|<link\b(?![^>]*\bcanonical\b)[^>]*\bhref=|url\()["']?((?:https?:)?//[^"')\s>]+)"""
)


def source_of(page: str) -> str:
    """The file that a page of the site is made of, as a path in the repository."""
    return ROOT_PAGES.get(page, f"docs/{page}")


def site_links(markdown: str, page: str, warn: Callable[[str], object]) -> str:
    """The text of a page, with each link as the site needs it.

    A link to a page leads to that page. A link to another file of the repository, which the site does not have, becomes
    its text. `warn` is called for a link to a file that does not exist.
    """
    parts = _CODE.split(markdown)
    return "".join(part if index % 2 else _LINK.sub(_Link(page, warn), part) for index, part in enumerate(parts))


def loaded_from_elsewhere(html: str) -> tuple[str, ...]:
    """The addresses of other servers from which a page loads scripts, styles, fonts or pictures."""
    return tuple(_LOADED.findall(html))


class _Link:
    def __init__(self, page: str, warn: Callable[[str], object]) -> None:
        self._page = page
        self._source = source_of(page)
        self._warn = warn

    def __call__(self, found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path, hash_mark, anchor = target.partition("#")
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(self._source), path))
        if not (ROOT / wanted).exists():
            self._warn(f"{self._source} links to {wanted}, which does not exist")
        place = _page_of(wanted)
        if place is None:
            return text
        return f"{mark}[{text}]({posixpath.relpath(place, posixpath.dirname(self._page) or '.')}{hash_mark}{anchor})"


def _page_of(file: str) -> str | None:
    """The page or file of the site that a file of the repository is; None where the site does not have it."""
    for page, source in ROOT_PAGES.items():
        if source == file:
            return page
    return file.removeprefix("docs/") if file.startswith("docs/") else None
