"""Output works with an ASCII-only terminal and with brackets in paths."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rollout.cli import doctor
from rollout.cli.doctor import Finding
from rollout.config.options import ROOT, parse_options
from rollout.report.console import Console
from rollout.text.standard_streams import make_outputs_safe


def ascii_only(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Standard output with PYTHONIOENCODING=ascii, until the test ends."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    make_outputs_safe()
    return written


def test_unknown_characters_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters of the suite have replacements; others are escaped."""
    written = ascii_only(monkeypatch)
    print("✔ done – 3 × é …")
    assert b"+ done - 3 x \\xe9 ...\n" == written.getvalue()


def test_the_live_view_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich writes what the stream can encode."""
    written = ascii_only(monkeypatch)
    for live in (False, True):
        console = Console(sys.stdout, live=live)
        console({"event": "phase.started", "path": "p", "phase": "[/b] é"})
        console({"event": "phase.finished", "path": "p", "phase": "[/b] é", "outcome": "passed", "seconds": 1.0})
        console.close()
    assert b"+ [/b] \\xe9 1.0 s" in written.getvalue()


def test_the_doctor_shows_a_path_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """With brackets, which Rich could read as markup, and letters beyond ASCII."""
    monkeypatch.setenv("COLUMNS", "200")
    written = ascii_only(monkeypatch)
    found = Finding(what="folder [b]", state="missing", detail="/srv/a[/b]é", fix="another [/] one")
    monkeypatch.setattr(doctor, "examine", lambda options: [found])
    assert 1 == doctor.print_report(parse_options(lambda name: None, {}))
    told = written.getvalue().decode()
    assert all(text in told for text in ("folder [b]", "/srv/a[/b]\\xe9", "another [/] one", "Not ready: folder [b]."))


def test_a_whole_program_on_an_ascii_output() -> None:
    """The plan of all paths has dashes; the folder has brackets and letters beyond ASCII."""
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", "--plan", "--path=all", "--source=rehearsal", "--directory=/srv/a[/b]é日"],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert (0, b"") == (asked.returncode, asked.stderr)
    assert b"/srv/a[/b]\\xe9\\u65e5" in asked.stdout


def shell(command: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XAVOS_STATE_DIR": str(tmp_path), "PYTHON": sys.executable}
    return subprocess.run(["bash", "-c", command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120,
                          check=False)  # fmt: skip


@pytest.mark.parametrize("asked", ["pytest --plan", "rollout status"])
def test_output_on_a_full_disk(asked: str, tmp_path: Path) -> None:
    """There is one warning, and the exit code is right."""
    ended = shell(f'"$PYTHON" -m {asked} >/dev/full', tmp_path)
    lost, = ended.stderr.splitlines()
    assert lost.startswith("WARNING: standard output cannot be written: No space left on device.")
    assert 0 == ended.returncode


@pytest.mark.parametrize(("closed", "told"), [(">&-", 1), ("2>&-", 0), (">&- 2>&- <&-", 0), ("2>&- <&-", 0)])
def test_closed_output(closed: str, told: int, tmp_path: Path) -> None:
    """Python sets a stream that is closed to None, and pytest writes to it."""
    ended = shell(f'"$PYTHON" -m pytest --name=end {closed}', tmp_path)
    assert (4, told) == (ended.returncode, len(ended.stderr.strip().splitlines()))
    assert not told or "--name='end' is not valid" in ended.stderr


def test_closed_pipe(tmp_path: Path) -> None:
    ended = shell('"$PYTHON" -m rollout status | true; echo "${PIPESTATUS[0]}"', tmp_path)
    assert ("0\n", "") == (ended.stdout, ended.stderr)


def test_lost_output_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after capturing has restored the descriptor. There is one warning."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(sys, "stderr", told := io.StringIO())
        make_outputs_safe()
        for _ in range(2):
            print("x" * 20_000, flush=True)
            os.dup2(again := os.open("/dev/full", os.O_WRONLY), full.fileno())
            os.close(again)
    assert 1 == told.getvalue().count("cannot be written")
