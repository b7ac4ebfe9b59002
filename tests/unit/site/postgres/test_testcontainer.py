"""PostgreSQL is started with the given client. Variables and files of testcontainers are ignored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rollout.config.options import ROOT

STARTED = """
import json, os
from rollout.site.postgres.testcontainer import start_postgres


class Made:
    short_id = "x"

    def start(self):
        asked["started"] = True


class Containers:
    def create(self, image, **options):
        asked.update(image=image, **{name: options[name] for name in ("environment", "name", "labels", "ports")})
        return Made()


class Client:
    containers = Containers()


asked = {}
before = dict(os.environ)
start_postgres(Client(), "postgres:17", user="u", password="p", database="d", name="n", labels={"xavos.run": "r"},
               ports={"5432/tcp": ("127.0.0.1", 5433)})
assert before == dict(os.environ), "it has changed the environment of the process"
print(json.dumps(asked))
"""
HOSTILE = {
    "TC_MAX_TRIES": "many",
    "TESTCONTAINERS_CONNECTION_MODE": "nonsense",
    "TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX": "elsewhere/",
    "TESTCONTAINERS_RYUK_DISABLED": "false",
    "DOCKER_AUTH_CONFIG": '{"auths": {"example.org": {"auth": "dTpw"}}}',
    "DOCKER_HOST": "tcp://127.0.0.1:1",
    "POSTGRES_USER": "somebody",
    "POSTGRES_PASSWORD": "else",
}


def test_the_configuration_of_testcontainers_is_ignored(tmp_path: Path) -> None:
    """No other engine, image, reaper, log-in or user is used. The environment is unchanged."""
    (tmp_path / ".testcontainers.properties").write_text("tc.host=tcp://127.0.0.1:2\nryuk.disabled=false\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **HOSTILE}
    ran = subprocess.run(
        (sys.executable, "-c", STARTED),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr
    for said in (
        '"image": "postgres:17"', '"POSTGRES_USER": "u"', '"POSTGRES_PASSWORD": "p"', '"POSTGRES_DB": "d"',
        '"name": "n"', '"xavos.run": "r"', '"5432/tcp": ["127.0.0.1", 5433]', '"started": true',
    ):  # fmt: skip
        assert said in ran.stdout
