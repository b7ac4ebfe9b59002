"""Several paths in one run: the run of each path, and their merged journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollout.config.comparison import PathRun, is_gate_passed, path_names, path_runs, refuse_unknown_groups
from rollout.config.options import PATH_NAME, Options, parse_options
from rollout.errors import InvalidOption
from rollout.journal.merging import merge, read_run
from rollout.results.verdict import as_json, verdict


def options(**given: str) -> Options:
    return parse_options(lambda name: given.get(name.replace("-", "_")), {}, root=Path("/checkout"))


def event(name: str, number: int = 0, run: str = "outer", **facts: Any) -> dict[str, Any]:
    return {"v": 1, "seq": number, "t": f"2026-01-01T00:00:{number:02}+00:00", "run": run, "event": name, **facts}


def path_events(name: str, run: str, outcome: str) -> list[dict[str, Any]]:
    where = {"path": name, "phase": "prerequisites"}
    failure = {"cause": "port_taken", "message": "taken", "log": "logs/1.log"} if outcome == "failed" else None
    return [
        event("run.started", run=run, paths=[name], source={"kind": "hexpm"}),
        event("path.started", 1, run=run, path=name, phases=["prerequisites"], through="prerequisites"),
        event("phase.started", 2, run=run, before="", **where),
        event("act.intent", 3, run=run, id="a1", text="make", undo={"kind": "directory"}, **where),
        event(
            "command.started", 3, run=run, id="c1", label="mix", argv=[], cwd="", deadline=1, log="logs/1.log", **where
        ),
        event("phase.finished", 4, run=run, outcome=outcome, seconds=2, restored=False, failure=failure, **where),
        event("rollback.started", 5, run=run, why="failed", **where),
        event("rollback.finished", 6, run=run, why="failed", outcome="restored", seconds=1, residue=[], **where),
        event("path.finished", 7, run=run, path=name, outcome="x", seconds=5),
        event("run.finished", 8, run=run, exit_code=1, seconds=6, reason="its own"),
    ]


def test_all_is_every_path_and_the_gate_is_the_realistic_one() -> None:
    made = options(path="all")
    assert made.paths == ("realistic", "incremental", "ambitious")
    assert made.gate == ("realistic",)


def test_without_the_realistic_path_every_path_is_the_gate() -> None:
    assert options(path="ambitious,incremental").gate == ("ambitious", "incremental")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": "realistik"}, "did you mean realistic"),
        ({"path": "script:/no/such.sh"}, "there is none at /no/such.sh"),
        ({"path": "realistic", "gate": "ambitious"}, "paths that run: realistic"),
        ({"path": "all", "jobs": "0"}, "a whole number from 1"),
    ],
)
def test_invalid_paths_are_rejected(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        options(**given)


def test_the_first_path_of_the_gate_gets_name_and_port_of_the_options_and_no_two_paths_share_any() -> None:
    made = path_runs(options(path="ambitious,realistic,incremental", port="5000"))
    first = next(part for part in made if part.path == "realistic")
    assert (first.site, first.port, first.directory) == ("xavos", 5000, Path("/checkout/deployments/xavos"))
    for what in ("site", "port", "directory", "folder"):
        assert len({getattr(part, what) for part in made}) == 3


def test_only_paths_of_the_gate_are_kept_on_success() -> None:
    made = {part.path: part.keep for part in path_runs(options(path="all", gate="incremental"))}
    assert made == {"realistic": "never", "incremental": "on-success", "ambitious": "never"}
    assert {part.keep for part in path_runs(options(path="all", keep="always"))} == {"always"}


def test_too_few_ports_are_an_error() -> None:
    with pytest.raises(InvalidOption, match="2 more ports"):
        path_runs(options(path="all", port="65534"))


def merged() -> tuple[Any, ...]:
    own = [
        event("run.started", paths=["good", "bad"], source={"kind": "rehearsal"}),
        event("path.run", path="good", folder="paths/good", site="x", port=1),
        event("run.finished", exit_code=1, seconds=20, reason="the run's"),
    ]
    parts = {"good": path_events("good", "r1", "passed"), "bad": path_events("bad", "r2", "failed")}
    return merge(own, parts, {name: Path("paths") / name for name in parts})


def test_a_merged_journal_is_judged_path_by_path() -> None:
    told = as_json(verdict(merged()))
    assert (told["run"], told["source"]["kind"], told["reason"]) == ("outer", "rehearsal", "the run's")
    assert {name: path["phases"][0]["outcome"] for name, path in told["paths"].items()} == {
        "good": "passed",
        "bad": "failed",
    }
    assert told["paths"]["bad"]["failure"]["cause"] == "port_taken"
    assert [each["event"] for each in merged()].count("run.started") == 1
    assert merged()[-1]["event"] == "run.finished"


def test_ids_and_logs_of_two_paths_stay_apart() -> None:
    acts = [each["id"] for each in merged() if each["event"] == "act.intent"]
    logs = [each["log"] for each in merged() if each["event"] == "command.started"]
    assert acts == ["good/a1", "bad/a1"]
    assert logs == ["paths/good/logs/1.log", "paths/bad/logs/1.log"]
    failure = next(each["failure"] for each in merged() if each.get("failure"))
    assert failure["log"] == "paths/bad/logs/1.log"


def test_a_later_recovery_counts_for_its_own_path_only() -> None:
    killed = [each for each in path_events("bad", "r2", "passed") if each["seq"] < 4]
    later = {"run": "r2", "path": "bad", "phase": "", "why": "recovery"}
    killed += [
        event("rollback.started", 9, **later),
        event("rollback.finished", 10, outcome="restored", seconds=1, residue=[], **later),
    ]
    own = [event("run.started", paths=["good", "bad"]), event("run.finished", exit_code=1, seconds=20, reason="")]
    parts = {"good": path_events("good", "r1", "passed"), "bad": killed}
    told = as_json(verdict(merge(own, parts, {name: Path("paths") / name for name in parts})))["paths"]
    assert (told["bad"]["outcome"], told["bad"]["residue"]) == ("rolled_back", [])


def test_a_path_that_did_not_start_is_refused_with_its_message() -> None:
    own = [
        event("run.started", paths=["odd"], plan={"odd": [{"name": "prerequisites"}]}),
        event("path.aborted", path="odd", exit_code=4, message="ERROR: no engine"),
        event("run.finished", exit_code=1, seconds=1, reason="odd: refused"),
    ]
    odd = as_json(verdict(merge(own, {}, {})))["paths"]["odd"]
    assert (odd["outcome"], odd["failure"]["message"]) == ("refused", "ERROR: no engine")


def test_items_of_path_left_are_residue_after_the_site_was_removed() -> None:
    events = path_events("bad", "r2", "failed")
    left = event("path.left", 6, run="r2", path="bad", items=["left behind: folder xavos"], failed=True)
    told = as_json(verdict([*events[:-2], left, *events[-2:]]))["paths"]["bad"]
    assert (told["outcome"], told["residue"]) == ("dirty", ["left behind: folder xavos"])


def test_a_killed_comparison_is_read_from_its_parts(tmp_path: Path) -> None:
    own = [event("run.started", paths=["good"]), event("path.run", path="good", folder="paths/good", site="x", port=1)]
    for place, events in ((tmp_path, own), (tmp_path / "paths/good", path_events("good", "r1", "passed"))):
        place.mkdir(parents=True, exist_ok=True)
        (place / "journal.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    told = as_json(verdict(read_run(tmp_path)))
    assert told["killed"] is True
    assert told["paths"]["good"]["phases"][0]["outcome"] == "passed"


def test_the_gate_passes_if_its_paths_are_deployed_without_a_failed_check() -> None:
    paths = {
        "a": {"outcome": "deployed", "checks": {"failed": 0}},
        "b": {"outcome": "deployed", "checks": {"failed": 1}},
        "c": {"outcome": "dirty", "checks": {"failed": 0}},
    }
    assert [is_gate_passed(paths, gate) for gate in (["a"], ["a", "b"], ["c"], ["gone"])] == [True, False, False, False]


class TestScriptsWithEqualNames:
    def path_runs(self, folder: Path, *names: str, **given: str) -> tuple[PathRun, ...]:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("echo")
        return path_runs(options(path=",".join(f"script:{folder / name}" for name in names), **given))

    @pytest.mark.parametrize(
        ("files", "names"),
        [
            (("v1/deploy.sh", "v2/deploy.sh"), ("script:v1/deploy.sh", "script:v2/deploy.sh")),
            (("a/v1/deploy.sh", "b/v1/deploy.sh"), ("script:a/v1/deploy.sh", "script:b/v1/deploy.sh")),
            (("deploy.sh", "old/deploy.sh"), None),
            (("v1/deploy.sh", "v2/other.sh"), ("script:deploy.sh", "script:other.sh")),
            (("a.sh", "v1/b.sh", "v2/b.sh"), ("script:a.sh", "script:v1/b.sh", "script:v2/b.sh")),
        ],
    )
    def test_are_named_with_their_folders(
        self, tmp_path: Path, files: tuple[str, ...], names: tuple[str, ...] | None
    ) -> None:
        made = self.path_runs(tmp_path, *files)
        assert len({part.name for part in made}) == len(files)
        assert names is None or tuple(part.name for part in made) == names

    @pytest.mark.parametrize(
        "files",
        [
            ("v1/deploy.sh", "v2/deploy.sh"),
            ("my-own.sh", "my_own.sh", "My.own.sh"),  # the same slug
            (f"{'long' * 12}/one.sh", f"{'long' * 12}/two.sh", f"{'long' * 12}-2/one.sh"),
            ("größe.sh", "gröbe.sh"),
        ],
    )
    def test_share_nothing(self, tmp_path: Path, files: tuple[str, ...]) -> None:
        """Site (which names the databases), folder, port and reports are unique, and each site is a valid name."""
        for name in ("xavos", "x" * 40):
            made = self.path_runs(tmp_path, *files, name=name, gate="all")
            for what in ("site", "port", "directory", "folder", "name"):
                assert len({getattr(part, what) for part in made}) == len(files), what
            for part in made:
                assert len(part.site) <= 40
                options(name=part.site)

    def test_the_run_of_a_path_has_the_name_that_the_comparison_gave_it(self, tmp_path: Path) -> None:
        (tmp_path / "deploy.sh").write_text("echo")
        path = f"script:{tmp_path / 'deploy.sh'}"
        own = parse_options({"path": path}.get, {PATH_NAME: "script:v1/deploy.sh"})
        assert path_names(own) == {path: "script:v1/deploy.sh"}

    def test_the_same_script_twice_is_one_path(self, tmp_path: Path) -> None:
        assert len(self.path_runs(tmp_path, "deploy.sh", "./deploy.sh")) == 1


def test_requiring_an_unknown_group_is_an_error() -> None:
    refuse_unknown_groups(options(require="server,migrations"))
    with pytest.raises(InvalidOption, match=r"did you mean migrations\?"):
        refuse_unknown_groups(options(require="server,migration"))
