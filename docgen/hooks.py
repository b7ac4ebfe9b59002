"""Hooks of MkDocs (mkdocs.yml). A warning is an error of the strict build."""

from __future__ import annotations

import logging
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docgen.links import ROOT_PAGES, loaded_from_elsewhere, site_links
from rollout.config.options import ROOT

_log = logging.getLogger("mkdocs.docgen")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are made of files beside docs/."""
    for page, source in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_context: Any) -> str:
    """Point the links of a page at pages of the site."""
    return site_links(markdown, page.file.src_uri, _log.warning)


def on_post_page(output: str, *, page: Page, **_context: Any) -> str:
    """Warn if a page loads something from another server. The site needs no network."""
    for address in loaded_from_elsewhere(output):
        _log.warning("%s loads %s", page.file.src_uri, address)
    return output
