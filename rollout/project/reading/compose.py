"""The services in docker-compose.yml.

Reads the part of YAML in which such files are written: mappings and lists by indentation, values on one line. Anchors,
references and inline mappings are not understood; a service that needs them is left out and its name is returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rollout.project.reading.sources import Sources, joined

FILES = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
_PAIR = re.compile(r"(\"[^\"]*\"|'[^']*'|[^\s#:\"'\[{][^:#]*?)[ \t]*:(?:[ \t]+(.*))?")
_CONTENT = re.compile(r"(?:\"[^\"]*\"|'[^']*'|[^#]|(?<=\S)#)*")
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}")
_BACKING = {"redis": 6379, "valkey": 6379, "opensearch": 9200, "elasticsearch": 9200, "meilisearch": 7700,
            "minio": 9000, "rabbitmq": 5672, "clickhouse": 8123, "memcached": 11211, "nats": 4222, "localstack": 4566,
            "typesense": 8108, "kafka": 9092, "mongo": 27017}  # fmt: skip
"""Services that an application depends on, by the names of their images, with the ports that clients use."""
_PORTS = 65536
_SCHEMES = {"redis": "redis", "valkey": "redis", "rabbitmq": "amqp", "nats": "nats", "mongo": "mongodb"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line with content: its indentation, whether it begins an entry of a list, key and value."""

    number: int
    indent: int
    is_entry: bool
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """A service. `image` is "" if it is built from the repository. `port` is that in its container, 0 if unknown."""

    name: str
    image: str
    port: int
    environment: tuple[tuple[str, str], ...]
    place: str

    @property
    def is_postgres(self) -> bool:
        """Whether it is a PostgreSQL server."""
        return bool(re.search(r"(?:^|/)(?:postgres|postgis|timescaledb|pgvector|supabase/postgres)", self.image))

    @property
    def word(self) -> str:
        """The name by which variables call it: `redis`."""
        return _word(self.image)

    @property
    def is_backing(self) -> bool:
        """Whether it is a service of a known kind, with an image and a port, that an application depends on."""
        return bool(0 < self.port < _PORTS and self.word and re.fullmatch(r"[a-z][a-z0-9_-]*", self.name))

    @property
    def scheme(self) -> str:
        """The scheme of its URLs."""
        return _SCHEMES.get(self.word, "http")


def read_services(sources: Sources, folders: tuple[str, ...]) -> tuple[ComposeService, ...]:
    """The services of the first compose file in these folders."""
    for path in (joined(folder, name) for folder in folders for name in FILES):
        content = sources.text(path)
        if content is not None:
            lines = tuple(_lines(content))
            return tuple(_service(name, below, path) for name, below in _services(lines))
    return ()


def _lines(content: str) -> Iterator[Line]:
    for number, raw in enumerate(content.splitlines(), 1):
        stripped = raw.lstrip(" ")
        if not stripped or stripped.startswith(("#", "---")):
            continue
        indent, is_entry = len(raw) - len(stripped), False
        if stripped == "-" or stripped.startswith("- "):
            is_entry, stripped = True, stripped[1:].strip()
        match = _PAIR.fullmatch(_without_comment(stripped))
        key, value = (match[1].strip("\"'"), match[2] or "") if match else ("", _without_comment(stripped))
        yield Line(number, indent, is_entry, key, value.strip())


def _without_comment(text: str) -> str:
    """A line up to the sign of a comment, which has a space before it and stands in no quotes."""
    found = _CONTENT.match(text)
    return found[0].rstrip() if found else ""


def _services(lines: tuple[Line, ...]) -> Iterator[tuple[Line, tuple[Line, ...]]]:
    """(head, lines below it) of each service."""
    for head, below in _children(lines, -1):
        if head.indent == 0 and head.key == "services":
            yield from _children(below, head.indent)


def _children(lines: tuple[Line, ...], indent: int) -> Iterator[tuple[Line, tuple[Line, ...]]]:
    """(line, lines below it) of the mapping that begins with the first line that is further in."""
    own = next((line.indent for line in lines if line.indent > indent), None)
    starts = [number for number, line in enumerate(lines) if line.indent == own and line.key and not line.is_entry]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=False):
        yield lines[start], lines[start + 1 : end]


def _service(head: Line, below: tuple[Line, ...], path: str) -> ComposeService:
    parts = {line.key: (line, inner) for line, inner in _children(below, head.indent)}
    image = _plain(parts["image"][0].value) if "image" in parts else ""
    ports = [line.value or line.key for line in parts["ports"][1]] if "ports" in parts else []
    exposed = [line.value for line in parts["expose"][1]] if "expose" in parts else []
    environment = tuple(_environment(parts["environment"][1])) if "environment" in parts else ()
    return ComposeService(name=head.key, image=image, port=_port(image, [*_whole(parts, "ports"), *ports, *exposed]),
                          environment=environment, place=f"{path}:{head.number}")  # fmt: skip


def _whole(parts: dict[str, tuple[Line, tuple[Line, ...]]], key: str) -> list[str]:
    """The entries of a list on one line: `ports: ["6379:6379"]`."""
    value = parts[key][0].value if key in parts else ""
    return value.strip("[]").split(",") if value.startswith("[") else []


def _environment(lines: tuple[Line, ...]) -> Iterator[tuple[str, str]]:
    """`NAME: value` and `- NAME=value`."""
    for line in lines:
        if line.is_entry:
            name, _, value = _plain(line.value or line.key).partition("=")
        else:
            name, value = line.key, _plain(line.value)
        if re.fullmatch(r"[A-Za-z_]\w*", name):
            yield name, value


def _port(image: str, ports: list[str]) -> int:
    """The port in the container, the usual one of a known image first: one that is published may be a console's."""
    inside = [int(match[1]) for each in ports if (match := re.search(r"(\d+)(?:/tcp)?[\"']?\s*$", _plain(each)))]
    usual = _BACKING.get(_word(image), 0)
    return usual if usual in inside or not inside else inside[0]


def _word(image: str) -> str:
    return next((name for name in _BACKING if name in image), "")


def _plain(value: str) -> str:
    """A value without quotes; `${NAME:-default}` becomes its default."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return _VARIABLE.sub(lambda found: found[2] or "", value)
