"""The journal of a comparison: realistic deployed, ambitious dirty after a conflict, incremental rolled back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rollout.results.attempts import Attempt, PhaseTime, attempts
from rollout.results.history import as_row
from rollout.results.outcomes import Checks
from tests.unit.report.golden import Events, Story

HOSTILE = (
    '</pre></style><script>alert(1)</script><img src=x onerror="alert(2)">\x1b[31m`|**bold**|`[x](javascript:1)\n'
    "```\n# no"
)
CORE = ("ash", "ash_postgres", "ash_phoenix")
SIGN_IN = ("ash_authentication", "ash_authentication_phoenix", "bcrypt_elixir")
EXTRAS = ("ash_admin", "open_api_spex", "ash_json_api")
ALL_AT_ONCE = (
    *CORE, "ash_json_api", "ash_sqlite", "ash_authentication", "ash_authentication_phoenix", "ash_admin", "ash_oban",
    "oban_web", "ash_state_machine", "ash_events", "ash_money", "ash_double_entry", "ash_archival", "live_debugger",
    "mishka_chelekom", "tidewave", "ash_paper_trail", "ash_ai", "cloak", "ash_cloak", "beacon", "beacon_live_admin",
)  # fmt: skip
VERSIONS = {"ash": "3.32.0", "ash_postgres": "2.12.0", "ash_phoenix": "2.3.24", "ash_admin": "1.3.0"}
GROUPS = (
    "prerequisites", "packages", "worktree", "phoenix_app", "database", "ash_core", "authentication", "extras",
    "foundation", "migrations", "installation", "scripts", "server",
)  # fmt: skip
STEPS = ("prerequisites", "worktree", "igniter_new", "setup", "overlay", "server")
GROUPS_OF_PHASE = {"igniter_new": ("phoenix_app", "ash_core", "authentication"), "setup": ("migrations",),
           "overlay": ("foundation",)}  # fmt: skip
PLAN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ambitious": {step: ALL_AT_ONCE if step == "igniter_new" else () for step in STEPS},
    "incremental": {
        group: {"ash_core": CORE, "authentication": SIGN_IN[:2]}.get(group, ())
        for group in GROUPS
        if group != "scripts"
    },
    "realistic": {
        group: {"ash_core": CORE, "authentication": SIGN_IN, "extras": EXTRAS}.get(group, ()) for group in GROUPS
    },
}
CHECKS: Mapping[str, tuple[str, ...]] = {
    "packages": ("package has a release that matches (ash)", "a missing package is reported as missing"),
    "phoenix_app": ("the lock agrees with mix.exs", "phoenix and liveview are locked"),
    "database": ("the database is in utf8", "a wrong password is refused"),
    "ash_core": ("package is loaded (ash)", "package is loaded (ash_postgres)", "the repo is an ash repo"),
    "authentication": ("the signing secret is not in the code", "sign in is routed"),
    "migrations": ("the tables are there", "migrating again changes nothing"),
    "server": (
        "the page answers 200",
        "its liveview socket connects",
        "readiness answers 200 with the database",
        "password registration works through http",
    ),
}
CONFLICT = (
    'Because every version of "beacon" depends on "gettext ~> 0.26" and the application depends on '
    '"gettext ~> 1.0", "beacon" is forbidden.\n'
)
FAILED_LOG = "paths/ambitious/logs/igniter_new-ash,beacon.log"
LEFT = (
    "left behind: folder xavos: 214 files, 1.9 MB",
    "left behind: archive .home/mix/archives/igniter_new-0.5.33: 41 files, 0.3 MB",
    "left behind: database xavos_ambitious_dev",
)


class PathsStory(Story):
    """Builds the journal of a run with several paths. `path`: the current one."""

    def __init__(self, *, source: str = "mirror", paths: Sequence[str] = tuple(PLAN), run: str | None = None) -> None:
        super().__init__(source=source, **({"run": run} if run else {}))
        started, *_ = self.events
        self.events = [started]
        started["paths"] = list(paths)
        started["gate"] = ["realistic"]
        started["source"] = {"kind": source, "detail": f"{source} http://packages.example.org", "why": "asked for"}
        started["options"] = {"paths": ",".join(paths), "through": "None", "scenario": "default"}
        started["plan"] = {
            path: [
                {
                    "name": phase,
                    "description": f"what {phase} does",
                    "optional": phase == "extras",
                    "packages": [{"name": name, "requirement": "~> 3.0"} for name in packages],
                }
                for phase, packages in PLAN[path].items()
            ]
            for path in paths
        }

    def begins(self, path: str) -> None:
        self.path, self.since = path, self.clock
        phases = list(PLAN[path])
        answers = GROUPS_OF_PHASE if path == "ambitious" else {}
        groups = [group for phase in phases for group in answers.get(phase, (phase,))]
        self.say("path.started", path=path, phases=phases, through=phases[-1], attempts=groups)

    def passes_with_checks(self, phase: str, seconds: float = 6, *, restored: bool = False, attempts: int = 1) -> None:
        """Add a phase that passes, with its packages and its checks."""
        self.begins_phase(phase)
        self.say("phase.finished", seconds, path=self.path, phase=phase, outcome="passed", seconds=seconds,
                 restored=restored, attempts=attempts)  # fmt: skip
        packages = [
            {"name": name, "requirement": "~> 3.0", "version": VERSIONS.get(name, "2.1.0"), "seconds": 4.2,
             "size": 2_400_000, "licences": ["MIT"]}
            for name in PLAN[self.path][phase]
        ]  # fmt: skip
        if packages:
            self.say("phase.packages", 0, path=self.path, phase=phase, packages=packages)
        self.checks_of(phase)

    def begins_phase(self, phase: str) -> None:
        self.say("phase.started", path=self.path, phase=phase, before="b2:0")
        self.say("act.intent", id=f"{self.path}/a-{phase}", path=self.path, phase=phase, text=f"files of {phase}",
                 undo={"kind": "worktree"})  # fmt: skip
        self.runs_command(phase, "mix", "deps.get")

    def runs_command(
        self, phase: str, *argv: str, exit_code: int = 0, printed: str = "ok\n", seconds: float = 2.0
    ) -> None:
        identity = f"{self.path}/c{len(self.events)}"
        self.say("command.started", id=identity, path=self.path, phase=phase, label=" ".join(argv[:3]),
                 argv=list(argv), cwd="/srv/xavos", deadline=600,
                 log=f"paths/{self.path}/logs/{phase}-{argv[-1].strip('-')}.log")  # fmt: skip
        self.say("command.finished", seconds, id=identity, exit_code=exit_code, seconds=seconds, timed_out=False,
                 tail=printed)  # fmt: skip

    def checks_of(self, group: str, outcome: str = "passed", **facts: Any) -> None:
        """Add every check of a group, with the same outcome."""
        for check in (f"{group.replace('_', ' ')} phase passed", *CHECKS.get(group, ())):
            self.check_of(group, check, outcome, **facts)

    def check_of(self, group: str, check: str, outcome: str = "passed", **facts: Any) -> None:
        self.say(
            "check.finished", 0.2, nodeid=f"deploy_tests/test_{group}.py::test_{check.replace(' ', '_')}",
            path=self.path, phase=group, check=check, outcome=outcome, seconds=0.2, **facts,
        )  # fmt: skip

    def blocks(self, group: str, by: str = "") -> None:
        self.checks_of(group, "blocked", by=by, message=f"blocked by {by}: version_conflict")

    def roll_back(self, *phases: str, why: str = "teardown") -> None:
        for phase in phases:
            self.rolls_back(phase, why)
            self.say("undo.done", 0, id=f"{self.path}/a-{phase}", seconds=0.1, text=f"removed files of {phase}")

    def path_ends(self, outcome: str) -> None:
        seconds = (self.clock - self.since).total_seconds()
        self.say("path.finished", path=self.path, outcome=outcome, seconds=seconds)

    def run_ends(self, exit_code: int, reason: str, history: Sequence[Attempt] = ()) -> Events:
        seconds = (self.clock - self.began).total_seconds()
        self.say("run.finished", exit_code=exit_code, seconds=seconds, reason=reason)
        self.say("history.read", runs=[as_row(one) for one in history], skipped=0)
        return tuple(self.events)


def ambitious(story: PathsStory) -> None:
    """Add the ambitious path: a version conflict, residue, and blame."""
    story.begins("ambitious")
    story.passes_with_checks("prerequisites")
    story.passes_with_checks("worktree")
    story.begins_phase("igniter_new")
    story.runs_command("igniter_new", "mix", "archive.install", "hex", "igniter_new", "--force", seconds=9)
    story.runs_command("igniter_new", "mix", "igniter.new", "xavos", "--install", "ash,beacon", exit_code=1,
                printed=CONFLICT, seconds=95)  # fmt: skip
    story.fails("igniter_new", cause="version_conflict", package="beacon", message=CONFLICT, tail=CONFLICT,
                log=FAILED_LOG, advice="Leave beacon out of the plan.")  # fmt: skip
    blame(story)
    story.check_of("phoenix_app", "phoenix app phase passed", "failed", message="version_conflict: " + CONFLICT)
    for check in CHECKS["phoenix_app"]:
        story.check_of("phoenix_app", check, "blocked", by="igniter_new", message="blocked by igniter_new: x")
    for group in ("ash_core", "authentication", "foundation", "migrations", "server"):
        story.blocks(group, by="igniter_new")
    for phase in ("setup", "overlay", "server"):
        story.say("phase.blocked", 0, path="ambitious", phase=phase, by="igniter_new")
    story.say("path.left", path="ambitious", items=list(LEFT), failed=True)
    story.path_ends("dirty")


def blame(story: PathsStory) -> None:
    """Add an analysis of blame with three probes."""
    sentence = "beacon ~> 0.5 cannot be combined with the application's gettext ~> 1.0."
    story.say("blame.started", path=story.path, packages=list(ALL_AT_ONCE), phase="igniter_new")
    for packages, outcome in ((("ash", "beacon"), "failed"), (("beacon",), "failed"), (("ash",), "passed")):
        story.say("blame.probe", 20, path=story.path, packages=list(packages), outcome=outcome, seconds=20.0,
                  cause="version_conflict" if outcome == "failed" else "")  # fmt: skip
    story.say("blame.finished", path=story.path, kind="conflict", culprits=["beacon"], sentence=sentence,
              evidence=CONFLICT, probes=3, seconds=61.0,
              sets=[{"kind": "conflict", "packages": ["beacon"], "against": ["gettext"], "sentence": sentence,
                     "evidence": CONFLICT, "is_minimal": True}])  # fmt: skip


def incremental(story: PathsStory) -> None:
    """Add the incremental path: it fails at authentication and is rolled back."""
    story.begins("incremental")
    done = GROUPS[: GROUPS.index("authentication")]
    for phase in done:
        story.passes_with_checks(phase, 11)
    story.begins_phase("authentication")
    story.runs_command("authentication", "mix", "igniter.install", "ash_authentication@4.14.1", "--yes", exit_code=1,
                printed="** (Mix) No package with name ash_authentication\n", seconds=12)  # fmt: skip
    story.fails("authentication", cause="registry_unreachable", package="ash_authentication",
                log="paths/incremental/logs/authentication-yes.log")  # fmt: skip
    story.roll_back("authentication", why="failed")
    story.check_of("authentication", "authentication phase passed", "failed", message="The registry did not answer.")
    for check in CHECKS["authentication"]:
        story.check_of("authentication", check, "blocked", by="authentication", message="blocked by authentication")
    for group in GROUPS[GROUPS.index("extras") :]:
        if group != "scripts":
            story.say("phase.blocked", 0, path="incremental", phase=group, by="authentication")
            story.blocks(group, by="authentication")
    story.roll_back(*reversed(done))
    story.path_ends("rolled_back")


def realistic(story: PathsStory) -> None:
    """Add the realistic path: deployed, with a phase that was retried and a restored one."""
    story.begins("realistic")
    story.say("phase.note", path="realistic", phase="phoenix_app", text="assets: plain, because npm does not answer")
    for phase in GROUPS:
        if phase == "ash_core":
            story.begins_phase(phase)
            story.say("phase.retry", 8, path="realistic", phase=phase, attempt=1, cause="registry_unreachable", wait=5,
                      message="connection refused")  # fmt: skip
            story.say("phase.finished", 92, path="realistic", phase=phase, outcome="passed", seconds=100,
                      restored=False, attempts=2)  # fmt: skip
            story.say("phase.packages", 0, path="realistic", phase=phase,
                      packages=[{"name": name, "requirement": "~> 3.0", "version": VERSIONS[name], "seconds": 31.0,
                                 "size": 5_000_000, "licences": ["MIT"]} for name in CORE])  # fmt: skip
            story.checks_of(phase)
        else:
            story.passes_with_checks(phase, 70 if phase == "phoenix_app" else 14, restored=phase == "worktree")
    story.say("kept", path="realistic", url="http://127.0.0.1:4001", directory="deployments/xavos",
              manage="deployments/xavos/scripts/manage_xavos.sh", remove="make undeploy")  # fmt: skip
    story.path_ends("deployed")


def comparison(history: Sequence[Attempt] = ()) -> Events:
    """A run of the three paths, one after the other, in alphabetical order."""
    story = PathsStory()
    ambitious(story)
    incremental(story)
    realistic(story)
    return story.run_ends(0, "ambitious: dirty, incremental: rolled_back, realistic: deployed", history)


def alone(path: str = "realistic", *, source: str = "mirror", history: Sequence[Attempt] = ()) -> Events:
    """A run of one of the paths."""
    story = PathsStory(source=source, paths=(path,))
    {"realistic": realistic, "incremental": incremental, "ambitious": ambitious}[path](story)
    return story.run_ends(0 if path == "realistic" else 1, f"path {path}", history)


def earlier(path: str = "realistic", *, days: int = 1, succeeded: bool = True, **facts: Any) -> Attempt:
    """An earlier run of a path. `days`: how long ago."""
    one = next(attempt for attempt in attempts(alone(path)) if attempt.path == path)
    phases = tuple(PhaseTime(name=phase.name, outcome="passed", seconds=phase.seconds + days) for phase in one.phases)
    return replace(
        one,
        run=f"202611{23 - days:02d}-100000-{days:06x}",
        at=f"2026-11-{23 - days:02d}T10:00:00.000+00:00",
        phases=phases,
        outcome="deployed" if succeeded else "rolled_back",
        cause=None if succeeded else "compile_error",
        failed_at=None if succeeded else "ash_core",
        checks=Checks(passed=30) if succeeded else Checks(passed=10, failed=1),
        **facts,
    )


def past() -> tuple[Attempt, ...]:
    """Six runs of the realistic path and two of the ambitious, oldest first."""
    return (
        *(earlier(days=days, succeeded=days != 3) for days in range(6, 0, -1)),
        *(earlier("ambitious", days=days, succeeded=False, residue=3) for days in (2, 1)),
    )


def with_matrix(events: Events) -> Events:
    """The events with a compatibility grid for the ambitious path."""
    story = PathsStory()
    story.events = [dict(event) for event in events]
    story.path = "ambitious"
    names = ("ash", "ash_postgres", "beacon", "gettext")
    for position, name in enumerate(names):
        outcome = "conflict" if name == "beacon" else "resolves"
        story.say("matrix.cell", 0.2, path="ambitious", packages=[name], outcome=outcome, cause=CONFLICT, seconds=0.2)
        for other in names[:position]:
            pair = "implied" if "beacon" in {name, other} else "resolves"
            story.say("matrix.cell", 0.2, path="ambitious", packages=[other, name], outcome=pair, seconds=0.2)
    story.say("matrix.finished", path="ambitious", cells=10, conflicts=[["beacon"]], reached=10, seconds=2.0,
              sentence="10 of 10 combinations tested: beacon cannot be combined with the application.")  # fmt: skip
    return tuple(story.events)
