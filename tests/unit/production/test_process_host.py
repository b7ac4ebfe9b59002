"""Instances as processes: how they are killed, frozen and stopped."""

from __future__ import annotations

import contextlib
import os
import time
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollout.production.instances import KILLED
from rollout.production.process_host import ProcessHost
from rollout.production.release import Release
from rollout.site import processes

# Its child has the same marker, as the helpers of a virtual machine have.
PROGRAM = "#!/bin/sh\nsleep 60 &\ntrap 'kill $!; exit 0' TERM\necho started\nwait\n"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[ProcessHost]:
    run = types.SimpleNamespace(id=f"test-{tmp_path.name}-{os.getpid()}")
    forge = types.SimpleNamespace(environment=lambda: {"PATH": os.environ["PATH"]})
    step: Any = types.SimpleNamespace(site=types.SimpleNamespace(run=run, in_forge=forge), act=_act)
    host = ProcessHost(step, tmp_path / "run")
    program = tmp_path / "bin" / "xavos"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    host.start("a1", Release(label="a", version="1", folder=tmp_path), {}, 4599)
    until = time.monotonic() + 10
    while b"started" not in host.log("a1"):
        assert time.monotonic() < until, "the program did not start"
        time.sleep(0.01)
    yield host
    processes.kill_marked(host._running["a1"].marker)
    host._running["a1"].process.wait(10)


@contextlib.contextmanager
def _act(text: str, undo: Mapping[str, Any]) -> Iterator[str]:
    yield ""


def _states(host: ProcessHost) -> set[str]:
    return {psutil.Process(pid).status() for pid in processes.marked(host._running["a1"].marker)}


def test_an_instance_that_was_killed_is_told_from_one_that_has_ended(host: ProcessHost) -> None:
    assert (host.is_running("a1"), host.exit_code("a1")) == (True, None)
    host.kill("a1")
    host._running["a1"].process.wait(10)
    assert not host.is_running("a1")
    assert host.exit_code("a1") in KILLED


def test_every_process_of_a_frozen_instance_stands_still(host: ProcessHost) -> None:
    assert host.freeze("a1")
    until = time.monotonic() + 10
    while _states(host) != {psutil.STATUS_STOPPED}:
        assert time.monotonic() < until, _states(host)
        time.sleep(0.01)
    assert host.is_running("a1"), "it has not ended"
    host.thaw("a1")
    assert psutil.STATUS_STOPPED not in _states(host)


def test_a_frozen_instance_that_is_told_to_stop_ends_by_itself(host: ProcessHost) -> None:
    host.freeze("a1")
    ended = host.stop("a1", grace=10)
    assert (ended.exit_code, ended.was_killed) == (0, False)
    assert processes.marked(host._running["a1"].marker) == ()
