"""Commands in a container: output that a busy engine loses is requested again or reported as lost."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rollout.config.options import ROOT
from rollout.process import LOST, Outcome, Quiet, Request, execute
from rollout.site import processes
from rollout.site.engine import container_exec
from rollout.site.engine.container_exec import EndMark, OutputLost
from rollout.site.engine.container_launcher import ContainerLauncher
from rollout.site.forge import ContainerForge
from tests.unit.site.busy import BusyEngine, Loss, half, nothing

SOURCES = ("rollout", "suite", "fixtures", "deploy_tests", "tests")
# Other ways to run a command in a container than container_exec, in Python or on a command line.
PAST_IT = re.compile(
    r"""\.exec_(?:run|create|start)\(|\.exec\(|["'](?:docker|podman)["'],\s*["'](?:container["'],\s*["'])?exec["']"""
    r"""|(?:docker|podman)(?: container)? exec (?!-it)"""  # -it: printed for people
)
ALLOWED = {"rollout/site/engine/container_exec.py", "tests/unit/site/busy.py", "tests/unit/site/test_container_exec.py"}


def run(engine: BusyEngine, script: str, tmp_path: Path, *, reads: bool = False, deadline: float = 20.0) -> Outcome:
    fake: Any = engine
    request = Request(argv=("sh", "-c", script), label="test", cwd=tmp_path, env={"PATH": os.environ["PATH"]},
                      repeatable=reads, deadline=deadline)  # fmt: skip
    return execute(request, ContainerLauncher(fake, "busy"), Quiet())


def ask(engine: BusyEngine, script: str, *, repeatable: bool) -> container_exec.Answer:
    container: Any = engine
    return container_exec.ask(container, "sh", "-c", script, repeatable=repeatable, env={"PATH": os.environ["PATH"]})


def forge(engine: BusyEngine) -> ContainerForge:
    fake: Any = engine
    return ContainerForge(fake, fake, image="", isolated=False)


def test_output_and_exit_code_come_without_the_mark(tmp_path: Path) -> None:
    outcome = run(BusyEngine(), "echo out; echo err >&2; printf end; exit 3", tmp_path)

    assert (3, "out\nerr\nend", True) == (outcome.exit_code, outcome.tail, outcome.is_whole)


def test_a_mark_that_the_command_prints_is_output(tmp_path: Path) -> None:
    """Only the mark of this command ends the output. A record separator alone is output."""
    outcome = run(BusyEngine(), r"printf '\036abc 7\n\036'", tmp_path)

    assert (0, "\x1eabc 7\n\x1e") == (outcome.exit_code, outcome.tail)


@pytest.mark.parametrize("loss", [nothing, half])
def test_a_command_that_only_reads_is_run_again(loss: Loss, tmp_path: Path) -> None:
    engine = BusyEngine(loss, loss)

    outcome = run(engine, "echo 1.18.4", tmp_path, reads=True)

    assert ("1.18.4\n", True, 3) == (outcome.tail, outcome.is_whole, len(engine.argv))


@pytest.mark.parametrize("loss", [nothing, half])
def test_a_command_that_changes_something_runs_once_and_its_lost_output_is_reported(loss: Loss, tmp_path: Path) -> None:
    engine = BusyEngine(loss)

    outcome = run(engine, f"echo x >>{tmp_path}/done; echo a long enough line of output; exit 4", tmp_path)

    assert (4, False) == (outcome.exit_code, outcome.is_whole)
    assert outcome.tail.endswith(LOST.decode())
    assert "lost" in outcome.describe()
    assert "x\n" == (tmp_path / "done").read_text()


def test_a_read_only_command_is_repeated_a_limited_number_of_times(tmp_path: Path) -> None:
    engine = BusyEngine(*[nothing] * 9)

    outcome = run(engine, "echo x", tmp_path, reads=True)

    assert (False, 5) == (outcome.is_whole, len(engine.argv))
    assert LOST.decode() == outcome.tail


def test_a_stream_that_breaks_does_not_end_the_command(tmp_path: Path) -> None:
    """The engine reports it as running for a while. The exit code is awaited."""
    outcome = run(BusyEngine(nothing, late=3), "exit 5", tmp_path)

    assert (5, False) == (outcome.exit_code, outcome.is_whole)


def test_a_command_of_a_container_that_is_killed_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    """It is not reported as lost output, and not repeated."""
    engine = BusyEngine()

    outcome = run(engine, "kill -9 $PPID", tmp_path, reads=True)

    assert (137, True, 1) == (outcome.exit_code, outcome.is_whole, len(engine.argv))


def test_a_signal_to_the_command_leaves_its_mark_and_its_exit_code(tmp_path: Path) -> None:
    outcome = run(BusyEngine(), "echo x; kill -TERM $$", tmp_path)

    assert (143, True) == (outcome.exit_code, outcome.is_whole)
    assert outcome.tail.startswith("x\n")


def test_each_output_stream_has_its_own_mark() -> None:
    answer = ask(BusyEngine(), r"printf '\000\377'; echo hint >&2; exit 2", repeatable=True)

    assert (2, b"\0\xff", b"hint\n", True) == (answer.exit_code, answer.output, answer.errors, answer.is_whole)


@pytest.mark.parametrize("loss", [nothing, half])
def test_a_repeatable_command_is_repeated_and_then_fails(loss: Loss) -> None:
    assert "an answer\n" == ask(BusyEngine(loss, loss), "echo an answer", repeatable=True).text
    with pytest.raises(OutputLost, match="`sh -c echo x` in busy, 5 times"):
        ask(BusyEngine(*[loss] * 9), "echo x", repeatable=True)


def test_an_unrepeatable_command_reports_cut_output() -> None:
    answer = ask(BusyEngine(half, late=2), "echo 0123456789; exit 6", repeatable=False)

    assert (6, False) == (answer.exit_code, answer.is_whole)
    assert answer.errors.endswith(LOST)


def test_mark_is_found_however_the_stream_is_cut() -> None:
    word = EndMark().word
    stream = f"out\x1e{word[:4]}\n\x1e{word} 12\nlate".encode()
    for cut in range(len(stream)):
        mark = EndMark(word)
        output = mark.feed(stream[:cut]) + mark.feed(stream[cut:]) + mark.rest()
        assert (12, f"out\x1e{word[:4]}\nlate".encode()) == (mark.exit_code, output)


def test_a_list_of_processes_does_not_end_the_output(tmp_path: Path) -> None:
    """The list contains the arguments of the shell that prints the mark."""
    listing = "tr '\\000' ' ' </proc/$PPID/cmdline; exit 4"

    answer = ask(BusyEngine(), listing, repeatable=True)
    outcome = run(BusyEngine(), listing, tmp_path)

    assert (4, True) == (answer.exit_code, answer.is_whole)
    assert answer.text.startswith("sh -c")
    assert (4, True) == (outcome.exit_code, outcome.is_whole)


@pytest.mark.parametrize("loss", [nothing, half])
def test_a_forge_repeats_a_query_to_a_busy_engine(loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost output is never treated as an empty list of processes."""
    monkeypatch.setattr("rollout.site.processes.SCRIPT", "echo 7")

    assert (7,) == forge(BusyEngine(loss)).marked("XAVOS_RUN=nobody")
    with pytest.raises(TimeoutError, match="lost the output"):
        forge(BusyEngine(*[loss] * 9)).marked("XAVOS_RUN=nobody")


def test_the_process_script_does_not_find_itself() -> None:
    """The script has the marker in its environment, like every command in the forge."""
    observer = processes.OBSERVER | {"PATH": os.environ["PATH"], "XAVOS_RUN": "mine"}

    said = subprocess.run(["sh", "-c", processes.SCRIPT, "x", "marked", "XAVOS_RUN=mine"], env=observer, check=True,
                          capture_output=True, text=True)  # fmt: skip

    assert "" == said.stdout


def test_a_forge_that_is_gone_has_no_processes() -> None:
    assert () == forge(BusyEngine(is_there=False)).marked("XAVOS_RUN=nobody")


def test_every_command_in_a_container_uses_container_exec() -> None:
    """Only container_exec prints the end mark, so every other way is forbidden, also in tests."""
    files = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 300
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if str(path.relative_to(ROOT)) not in ALLOWED
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if PAST_IT.search(line)
    ]
    assert [] == found


@pytest.mark.parametrize(
    "line",
    [
        'container.exec_run(["ls"])', 'client.api.exec_create(name, ["ls"])',
        'subprocess.run(["docker", "exec", name])',
        '("podman", "container", "exec", name)', "postgres.exec('psql')", 'f"docker exec {name} ls"',
    ],
)  # fmt: skip
def test_other_calls_of_the_exec_api_are_detected(line: str) -> None:
    assert PAST_IT.search(line)
