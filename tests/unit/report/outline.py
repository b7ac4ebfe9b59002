"""Parses a page: collects its tags and its text, and checks that tags are nested properly."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "img", "input", "link"}


class Outline(HTMLParser):
    """Checks nesting; collects tags with their attributes, and all text outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        """The text of the page, with single spaces."""
        return " ".join(" ".join(self.words).split())


def outline(html: str) -> Outline:
    """Parse a page. Raises AssertionError if tags are not nested properly."""
    parsed = Outline()
    parsed.feed(html)
    assert not parsed.open
    return parsed
