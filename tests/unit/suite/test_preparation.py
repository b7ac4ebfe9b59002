"""The order of preparation: checks by lstat, then checks that list folders, then recovery."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rollout.config.run import open_runs
from rollout.deployment import preflight
from rollout.deployment.preflight import RunRefused
from rollout.journal import Journal, JournalUnwritable
from suite import preparation, refusal
from suite.options import refuse_what_breaks_phases
from tests.unit.fakes import options


def test_an_obstacle_stops_the_run_before_anything_is_listed_or_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts are not read, and the cache is not made."""
    began: list[str] = []
    for name in ("refuse_scripts", "recover_first", "check_cache"):
        monkeypatch.setattr(preparation, name, lambda *given, name=name: began.append(name))
    asked = options(tmp_path / "ours", directory=str(tmp_path / "site"))
    asked.directory.mkdir()
    with pytest.raises(RunRefused):
        preparation.recover_and_check(asked)
    assert [] == began
    asked.directory.rmdir()
    preparation.recover_and_check(asked)
    assert ["refuse_scripts", "recover_first"] == began
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("recovered", [True, False])
def test_checks_are_repeated_after_recovery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recovered: bool) -> None:
    """A thing that recovery should have removed is an obstacle if it still exists."""
    looks: list[bool] = []
    monkeypatch.setattr(preparation, "recover_first", lambda asked: recovered)
    monkeypatch.setattr(preflight, "refuse", lambda asked, *, before_recovery: looks.append(before_recovery))
    preparation.recover_and_check(options(tmp_path))
    assert ([True, False] if recovered else [True]) == looks


@pytest.mark.parametrize(
    ("source", "forge", "database", "kinds"),
    [
        ("auto", "auto", "auto", ("unknown", "unknown", "unknown")),
        ("rehearsal", "host", "embedded", ("rehearsal", "host", "embedded")),
        ("mirror:http://h", "container", "postgresql://me:hunter2@h/x", ("mirror", "container", "url")),
    ],
)
def test_the_facts_of_a_refused_run_are_its_options(
    tmp_path: Path, source: str, forge: str, database: str, kinds: tuple[str, str, str]
) -> None:
    """Nothing was selected. The values are valid in the verdict's schema."""
    asked = options(tmp_path, source=source, forge=forge, database=database)
    facts = preparation.refused_facts(asked, ())
    assert kinds == tuple(facts[what]["kind"] for what in ("source", "forge", "database"))
    assert (source == "rehearsal") == facts["source"]["rehearsal"]


@pytest.mark.parametrize(
    ("name", "plugin"),
    [("timeout", "pytest-timeout"), ("html", "pytest-html"), ("metadata", "pytest-metadata"),
     ("pytest_order", "pytest-order")],
)  # fmt: skip
def test_missing_plugin_is_refused(name: str, plugin: str) -> None:
    """The plugin was left out by `-p no:…` or PYTEST_DISABLE_PLUGIN_AUTOLOAD."""
    config = SimpleNamespace(pluginmanager=SimpleNamespace(has_plugin=lambda asked: asked != name))
    with pytest.raises(pytest.UsageError, match=f"not loaded {plugin}, .*PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        refuse_what_breaks_phases(cast("pytest.Config", config))


def test_refusal_whose_journal_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk or under `ulimit -f`: the error has both reasons, and no open run is left."""
    asked = options(tmp_path, directory=str(tmp_path / "site"))
    asked.directory.mkdir()

    def full(journal: Journal, event: str, **fields: Any) -> None:
        raise JournalUnwritable(path=journal.path, reason="File too large")

    with pytest.raises(RunRefused) as refused:
        preflight.refuse(asked, before_recovery=True)
    monkeypatch.setattr(Journal, "record", full)
    monkeypatch.setattr(refusal, "open_console", lambda config: print)
    with pytest.raises(pytest.UsageError, match=r"site exists already.*cannot be written: File too large"):
        refusal.show_refusal(cast("pytest.Config", SimpleNamespace(stash={})), asked, refused.value)
    assert [] == list(open_runs(asked.state))


@pytest.mark.parametrize(
    ("flag", "name"), [("--html", "htmlpath"), ("--junitxml", "xmlpath"), ("--log-file", "log_file")]
)
@pytest.mark.parametrize(("place", "reason"), [("", "it is a folder"), ("file/report", "it is not a folder")])
def test_report_file_that_cannot_be_made_is_refused(
    tmp_path: Path, flag: str, name: str, place: str, reason: str
) -> None:
    """The error comes before the deployment; pytest would raise it afterwards."""
    (tmp_path / "file").write_text("")
    given = {name: str(tmp_path / place), "timeout_method": "signal"}
    config = SimpleNamespace(
        pluginmanager=SimpleNamespace(has_plugin=lambda asked: True),
        getoption=given.get,
    )
    with pytest.raises(pytest.UsageError, match=f"^{flag}={given[name]} cannot be written: .*{reason}"):
        refuse_what_breaks_phases(cast("pytest.Config", config))
    given[name] = str(tmp_path / "made later" / "report")
    refuse_what_breaks_phases(cast("pytest.Config", config))


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("css", ["missing.css"], r"--css=missing\.css cannot be read"),
        ("css", ["."], r"--css=\. cannot be read"),
        ("metadata_from_json", "{", "--metadata-from-json has to hold a JSON object"),
        ("metadata_from_json", "[1]", "--metadata-from-json has to hold a JSON object"),
        ("metadata_from_json_file", "/no/such/file", "--metadata-from-json-file=/no/such/file cannot be read"),
        ("metadata_from_json_file", str(Path(__file__)), "--metadata-from-json-file has to hold a JSON object"),
    ],
)
def test_file_that_a_plugin_cannot_read_is_refused(name: str, given: object, told: str) -> None:
    """The plugin would raise an error that pytest shows as one of its own."""
    options_given = {name: given, "timeout_method": "signal"}
    config = SimpleNamespace(
        pluginmanager=SimpleNamespace(has_plugin=lambda asked: True),
        getoption=lambda asked, default=None: options_given.get(asked, default),
    )
    with pytest.raises(pytest.UsageError, match=f"^{told}"):
        refuse_what_breaks_phases(cast("pytest.Config", config))
