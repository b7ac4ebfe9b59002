"""A run that is killed: `python -m tests.integration.postgres.victim WHAT WHERE FOLDER RUN IMAGE-OR-URL`.

Writes the administrator's secrets to FOLDER/secrets.json as a run does, then acts until WHERE, and dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from rollout.journal import Journal, Redactor
from rollout.site.postgres import ContainerServer, DatabaseServer, EmbeddedServer, ExternalServer, provision
from tests.integration.postgres.deployment import DATABASES, PASSWORD, ROLE

PLACES = {
    "before-role": "rollout.site.postgres.provision._create",
    "before-container": "rollout.site.postgres.container.ContainerServer._create",
    "before-answer": "rollout.site.postgres.container.ContainerServer._find",
    "before-folder": "rollout.site.postgres.embedded.EmbeddedServer._create",
    "before-initdb": "rollout.site.postgres.embedded.EmbeddedServer._initialise",
    "before-answering": "rollout.site.postgres.embedded.wait_until_answering",
}


def _die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _arm(place: str) -> None:
    """Make the run die at the call that `place` names."""
    module, _, name = PLACES[place].rpartition(".")
    if module not in sys.modules:
        module, _, holder = module.rpartition(".")
        setattr(getattr(sys.modules[module], holder), name, _die)
    else:
        setattr(sys.modules[module], name, _die)


def main(what: str, place: str, folder: Path, run: str, argument: str) -> None:
    journal = Journal(folder / "journal.jsonl", run=run, redactor=Redactor())
    server: DatabaseServer
    if what == "container":
        server = ContainerServer(run=run, image=argument, journal=journal)
    elif what == "embedded":
        server = EmbeddedServer(run=run, folder=folder / "postgres", journal=journal)
    else:
        server = ExternalServer(argument)
    (folder / "secrets.json").write_text(json.dumps(dict(server.secrets())))
    if place != "never":
        _arm(place)
    server.start()
    if what == "role":
        provision(server, role=ROLE, password=PASSWORD, databases=DATABASES, run=run, journal=journal)
    print(json.dumps({"record": dict(server.undo_record())}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4], sys.argv[5])
