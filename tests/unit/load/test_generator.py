"""The generator as a process of its own: started, marked, stopped, killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollout import environment
from rollout.config.options import ROOT
from rollout.load.generator import Load, LoadBroken
from rollout.load.profile import InvalidProfile, Profile, RequestKind
from rollout.load.records import GENERATOR, LOG, REQUESTS, read_requests
from rollout.process import capture, start
from rollout.results.load import around, summarise
from tests.unit.load.faulty_server import OK, Act, FaultyServer, Served

ENV = environment.program()
PAGE = RequestKind(name="page", rate=50, deadline=20)
PROFILE = Profile(requests=(PAGE,))


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    """A server in a thread: every fifth answer is a 500, and the instance changes after 40 requests."""
    numbers = itertools.count(1)

    def script(served: Served) -> Act:
        instance = "a1" if next(numbers) <= 40 else "b1"
        return Act(name="500", status=500, instance=instance) if served.number % 5 == 0 else Act(instance=instance)

    made = FaultyServer(script=script)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.listen(), loop).result(20)
    yield made
    asyncio.run_coroutine_threadsafe(made.close(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


def wait_for(server: FaultyServer, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(server.served) < count:
        assert time.monotonic() < deadline, f"{len(server.served)} requests"
        time.sleep(0.02)


def test_a_load_from_start_to_summary(server: FaultyServer, tmp_path: Path) -> None:
    """Marks lie between the requests that the server had and had not seen by then."""
    load = Load(PROFILE, url=server.url, folder=tmp_path / "load", env=ENV)
    load.start()
    wait_for(server, 30)
    first = load.mark("upgrade started")
    wait_for(server, 70)
    last = load.mark("upgrade finished")
    wait_for(server, 90)
    result = load.stop()
    assert result.is_whole
    assert len(server.served) == len(result.requests)
    assert (first, last) == result.marks
    summary = summarise(result, name="upgrade", windows=around(result, first.at, last.at))
    counts = server.counts()
    assert (counts["ok"], counts["500"], 0) == (summary.totals.ok, summary.totals.failed, summary.totals.lost)
    assert sum(window.requests for window in summary.windows) == summary.totals.requests
    assert summary.windows[0].requests >= 29  # one may be on its way between generator and server
    assert {"500 from a1": 8, "500 from b1": counts["500"] - 8} == summary.errors
    answered = {"a1": 32, "b1": counts["ok"] - 32}
    assert answered == summary.answered
    assert answered == {name: sum(column) for name, column in summary.series.instances.items()}


def test_nothing_secret_stays_in_the_folder(server: FaultyServer, tmp_path: Path) -> None:
    """The profile has the headers, so it is private, and gone as soon as the generator has read it."""
    kind = RequestKind(name="page", rate=50, headers=(("authorization", "Bearer hunter2-and-more"),))
    with Load(Profile(requests=(kind,)), url=server.url, folder=tmp_path, env=ENV) as load:
        wait_for(server, 5)
        load.stop()
    assert {GENERATOR, LOG, REQUESTS, "sessions.jsonl"} == {path.name for path in tmp_path.iterdir()}
    assert not [path for path in tmp_path.iterdir() if "hunter2" in path.read_text()]


def test_a_profile_file_is_private_while_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    def refused(argv: tuple[str, ...], **_: object) -> None:
        modes.append(stat.S_IMODE(Path(argv[3]).stat().st_mode))
        raise OSError("no process")

    monkeypatch.setattr("rollout.load.generator.start", refused)
    with pytest.raises(OSError, match="no process"):
        Load(PROFILE, url="http://127.0.0.1:9", folder=tmp_path, env=ENV).start()
    assert [0o600] == modes
    assert [] == list(tmp_path.iterdir())


def test_a_generator_that_was_killed_is_no_result(server: FaultyServer, tmp_path: Path) -> None:
    """What it had recorded can still be read."""
    load = Load(PROFILE, url=server.url, folder=tmp_path, env=ENV)
    load.start()
    deadline = time.monotonic() + 60
    while not read_requests(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(load.pid, signal.SIGKILL)
    with pytest.raises(LoadBroken, match="exit code -9"):
        load.stop()
    assert not load.so_far().is_whole
    assert load.so_far().requests


def test_an_exit_without_stop_ends_the_generator(server: FaultyServer, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Load(PROFILE, url=server.url, folder=tmp_path, env=ENV) as load:
        raise KeyboardInterrupt
    assert not psutil.pid_exists(load.pid)


def test_a_generator_whose_parent_is_gone_ends_by_itself(server: FaultyServer, tmp_path: Path) -> None:
    """It is started by a process that is killed at once."""
    (tmp_path / "profile.json").write_text(PROFILE.to_json())
    argv = (sys.executable, "-m", "rollout.load", "profile.json", server.url, "out")
    env = environment.program(PYTHONPATH=str(ROOT))
    shell = start(("sh", "-c", '"$@" & echo $! >pid; wait', "sh", *argv), env=env, cwd=tmp_path)
    wait_for(server, 5)
    generator = psutil.Process(int((tmp_path / "pid").read_text()))
    shell.kill()
    generator.wait(30)
    assert all(record.error is None for record in read_requests(tmp_path / "out"))


def test_a_folder_is_used_once(server: FaultyServer, tmp_path: Path) -> None:
    with Load(PROFILE, url=server.url, folder=tmp_path, env=ENV) as load:
        wait_for(server, 1)
        load.stop()
    with pytest.raises(LoadBroken, match="already run"):
        Load(PROFILE, url=server.url, folder=tmp_path, env=ENV).start()


@pytest.mark.parametrize("odd", [{"headers": (("x-odd", "a\nb"),)}, {"path": "/a b"}, {"method": "GET /"}])
def test_a_profile_that_makes_no_valid_request_is_refused(odd: dict[str, Any], tmp_path: Path) -> None:
    """Before anything is started, and without the value, which may be secret."""
    profile = Profile(requests=(RequestKind(name="page", rate=1, **odd),))
    with pytest.raises(InvalidProfile, match="page: its method, path or headers") as refused:
        Load(profile, url="http://127.0.0.1:9", folder=tmp_path, env=ENV)
    assert r"a\nb" not in str(refused.value)


def test_the_command_line_says_what_is_wrong_with_a_profile(tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text('{"requests": [{"name": "page", "rat": 1}]}')
    argv = (sys.executable, "-m", "rollout.load", str(tmp_path / "profile.json"), "http://127.0.0.1:9", str(tmp_path))
    ended = capture(argv, env=ENV, deadline=60, cwd=ROOT)
    assert (2, True) == (ended.exit_code, "did you mean 'rate'" in ended.messages)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1", "127.0.0.1:80", "http://", "http://host:port", "http://h:1/path"]
)
def test_only_a_plain_origin_can_be_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidProfile, match="http://host:port"):
        Load(PROFILE, url=url, folder=tmp_path, env=ENV)


def test_answers_are_still_read_after_sigterm(tmp_path: Path, server: FaultyServer) -> None:
    """Requests that take a second are in flight when the load is stopped."""
    server.script = lambda served: Act(delay=1.0) if served.number > 10 else OK
    with Load(PROFILE, url=server.url, folder=tmp_path, env=ENV) as load:
        wait_for(server, 20)
        result = load.stop()
    assert {"ok"} == {record.outcome for record in result.requests}
    assert len(server.served) == len(result.requests)
