"""The services of docker-compose.yml, as such files are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.project.reading.compose import ComposeService, read_services
from rollout.project.reading.sources import Sources
from tests.unit.project.repositories import write


def services(folder: Path, content: str) -> dict[str, ComposeService]:
    sources = Sources(write(folder, {"docker-compose.yml": content}))
    return {each.name: each for each in read_services(sources, (".",))}


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        ('ports:\n      - "6380:6379"', 6379),
        ("ports:\n      - 6379", 6379),
        ("ports:\n    - 127.0.0.1:6380:6379/tcp", 6379),
        ('ports: ["6380:6379"]', 6379),
        ('ports:\n      - "8001:8001"\n      - "6379:6379"', 6379),
        ('ports:\n      - "8001:8001"', 8001),
        ("expose:\n      - '6379'", 6379),
        ("restart: always", 6379),
        ('ports:\n      - "${REDIS_PORT:-6380}:6379"', 6379),
    ],
)
def test_the_port_of_a_service_is_that_in_its_container(tmp_path: Path, ports: str, port: int) -> None:
    """The usual one of its image wins over that of a console."""
    found = services(tmp_path, f"services:\n  cache:\n    image: redis:7\n    {ports}\n")["cache"]
    assert (port, True) == (found.port, found.is_backing)


@pytest.mark.parametrize(
    "environment",
    [
        'environment:\n      A: x\n      B: "y # z"\n      C: ${C:-d}\n      D: ${D}',
        "environment:\n      - A=x\n      - 'B=y # z'\n      - C=${C:-d}\n      - D=${D}",
        "environment:\n    - A=x\n    - 'B=y # z'\n    - C=${C:-d}\n    - D=",
    ],
)
def test_variables_are_read_in_both_forms(tmp_path: Path, environment: str) -> None:
    found = services(tmp_path, f"services:\n  cache:\n    image: redis\n    {environment}\n  other:\n    image: nats\n")
    assert (("A", "x"), ("B", "y # z"), ("C", "d"), ("D", "")) == found["cache"].environment
    assert () == found["other"].environment


def test_only_the_services_are_read(tmp_path: Path) -> None:
    """Not volumes, anchors, comments, and what is nested deeper."""
    content = """
version: '3.9'  # old
x-common: &common
  image: not-this
# services:
#   no: {}
services:

  "db":
    image: 'postgis/postgis:16-3.4'
    healthcheck:
      test: ["CMD", "pg_isready"]
      image: no
  web:
    <<: *common
    build:
      context: .
    depends_on:
      - db
volumes:
  data:
"""
    found = services(tmp_path, content)
    assert ["db", "web"] == list(found)
    assert (True, False, "docker-compose.yml:9") == (
        found["db"].is_postgres,
        found["db"].is_backing,
        found["db"].place,
    )
    assert ("", False) == (found["web"].image, found["web"].is_backing)


@pytest.mark.parametrize(
    "content", ["", "services:", "services: {}", "- a\n- b", "a: b\n c: d\n", "services:\n\tx: y\n"]
)
def test_a_file_without_services_has_none(tmp_path: Path, content: str) -> None:
    assert {} == services(tmp_path, content)
