"""A release without Elixir: a server in Perl, in the image that releases have, behind the real proxy."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rollout.application import APPLICATION
from rollout.config.plan import PhasePlan
from rollout.faults import CATALOGUE, FaultSpec, Injection
from rollout.journal import pending_undos
from rollout.phases.step import Step
from rollout.production.container_host import ContainerHost
from rollout.production.fleet import Fleet
from rollout.production.image import pack
from rollout.production.proxy import Proxy
from rollout.production.release import Release
from rollout.rollback.rollback import roll_back
from rollout.rollback.undo import UndoContext
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.sharing import Sharing
from rollout.site.postgres.login import free_port
from tests.unit.fakes import Stage, plan

_SERVER = r"""#!/usr/bin/perl
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };  # at once, whatever is in flight: the first process of a container takes all others along
$SIG{CHLD} = "IGNORE";
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 64, ReuseAddr => 1)
  or die "cannot listen: $!";
while (1) {
  my $client = $server->accept or next;
  my $child = fork;
  if ($child) { close $client; next }
  my $known = 0;
  while (<$client>) {
    last if /^\r?$/;
    sleep 1 if m{^GET /slow };
    $known = 1 if /^cookie: session=\Q$ENV{SECRET_KEY_BASE}\E/i;
  }
  my $cookie = $known ? "" : "set-cookie: session=$ENV{SECRET_KEY_BASE}; path=/\r\n";
  print $client "HTTP/1.1 200 OK\r\n${cookie}content-length: 2\r\nconnection: close\r\n\r\nok";
  close $client;
  exit 0 if defined $child;
}
"""
_MIGRATE = "#!/usr/bin/perl\nsleep 1;\nexit 0;\n"


class FakeDatabase:
    """A server on which the migrate command always has a session, and which has no migrations."""

    @contextlib.contextmanager
    def connect(self, database: str) -> Iterator[Any]:
        answer = types.SimpleNamespace(fetchone=lambda: (1,), fetchall=list)
        yield types.SimpleNamespace(execute=lambda statement, values=None: answer)


class World:
    """Releases `a` and `b`, and two instances of `a` behind the proxy."""

    def __init__(self, folder: Path, engine: Engine, sharing: Sharing) -> None:
        phases = (PhasePlan(name="upgrade", timeout_seconds=300),)
        self.stage = Stage(folder, plan(*phases), port=str(free_port()))
        self.site: Any = self.stage.site
        self.site.engine, self.site.sharing, self.site.forge_kind = engine, sharing, "container"
        database: Any = FakeDatabase()
        self.site.server, self.site.databases = database, {"prod": "prod"}
        self.step = Step(self.site, self.stage.plan, phases[0])
        self.settings = {"PHX_HOST": "localhost", "PHX_SERVER": "true", "SECRET_KEY_BASE": "first"}
        self.folder = folder

    def start(self) -> None:
        self.a, self.b = (pack(self.step, self._release(label)) for label in "ab")
        proxy = Proxy(self.step, self.folder / "proxy", host="localhost")
        proxy.start()
        self.fleet = Fleet(self.step, ContainerHost(self.step), proxy, self.settings)
        for name in ("a1", "a2"):
            self.fleet.admit(self.fleet.start(name, self.a))

    @contextlib.contextmanager
    def fault(self, name: str, form: str) -> Iterator[Any]:
        spec = FaultSpec(kind=CATALOGUE[name], path="realistic", phase="upgrade", at=None, form=form, seed=1)
        injection = Injection(spec, self.site.run.journal)
        injection.arm(self.site)
        self.site.fault_points = injection
        try:
            with injection.applying(self.step):
                yield injection.fault
        finally:
            injection.release()

    def running(self) -> set[str]:
        """The instances that run, by the engine."""
        return {name for name in self.fleet.instances if self.fleet.host.is_running(name)}

    def left(self) -> list[str]:
        """Undo everything; returns the containers and images that are left."""
        acts = pending_undos(self.site.run.journal.events())
        roll_back(acts, self.site.run.journal, UndoContext(store=self.site.store, secrets={}, servers={}))
        client, label = self.site.engine.client(), {"label": f"{RUN_LABEL}={self.site.run.id}"}
        containers = [name for each in client.api.containers(all=True, filters=label) for name in each["Names"]]
        images = [name for each in client.api.images(filters=label) for name in each.get("RepoTags") or ()]
        self.site.run.close(settled=True)
        return [*containers, *images]

    def _release(self, label: str) -> Release:
        folder = self.folder / label
        (folder / "bin").mkdir(parents=True)
        for name, text in ((APPLICATION.app, _SERVER), ("migrate", _MIGRATE)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)
        return Release(label=label, version="1", folder=folder)
