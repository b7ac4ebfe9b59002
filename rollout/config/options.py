"""Flags and environment become one frozen `Options`. The only module that knows how a flag is spelt.

Precedence: command line, then the environment variable `XAVOS_<FLAG>`, then the default.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import platformdirs

from rollout.application import APPLICATION
from rollout.config import values
from rollout.config.database_url import parse_address
from rollout.config.values import PATHS as PATHS  # noqa: PLC0414 - others know them from here
from rollout.config.values import SCRIPT as SCRIPT  # noqa: PLC0414 - the same
from rollout.config.values import Given
from rollout.errors import InvalidOption, RolloutError

ROOT = Path(__file__).resolve().parents[2]
SUITE = "xavos-rollout"
DEFAULT_PORT = 4001
KEEP = ("never", "on-success", "failed", "always")
LIST = "list"  # --fault=list
RUN_FOLDER = "XAVOS_RUN_FOLDER"  # no flag: a comparison tells its paths' own runs where they report
PATH_NAME = "XAVOS_PATH_NAME"  # no flag: what a comparison calls the path of such a run
CONDUCTOR = "XAVOS_CONDUCTOR"  # no flag: the process that waits for such a run
_NO_CI = {"", "0", "false"}  # CI services set CI to any other word
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option: `name` without dashes, `metavar` None for a switch."""

    name: str
    help: str
    default: str | None = None
    metavar: str | None = "VALUE"

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return "XAVOS_" + self.name.replace("-", "_").upper()


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="path",
        default="realistic",
        metavar="NAMES",
        help="paths to run and compare: realistic, incremental, ambitious, script:FILE; several with commas, or all",
    ),
    Flag(
        name="gate",
        metavar="NAMES",
        help="paths that decide the exit code, or all (default: realistic where it runs, else every path that runs)",
    ),
    Flag(
        name="jobs",
        default="1",
        metavar="N",
        help="paths, or trials of a campaign, that run side by side, each on a site of its own",
    ),
    Flag(name="blame", metavar=None, help="where packages fail together, find the smallest set of them that does"),
    Flag(name="matrix", metavar=None, help="show which packages of the plan go together"),
    Flag(name="matrix-minutes", default="5", metavar="MINUTES", help="how long --matrix may take"),
    Flag(
        name="script-root",
        metavar="DIR",
        help="folder to copy with a script:FILE (default: its Git repository, else its own folder)",
    ),
    Flag(
        name="require",
        metavar="GROUPS",
        help="groups of checks that each path of the gate has to answer, such as server,migrations",
    ),
    Flag(
        name="source",
        default="auto",
        metavar="SOURCE",
        help="where Hex packages come from: auto, hexpm, mirror:URL, bundle:DIR, rehearsal",
    ),
    Flag(name="source-key", metavar="FILE", help="public key (PEM) of a mirror that does not serve its own"),
    Flag(
        name="git-source",
        default="auto",
        metavar="WHERE",
        help="where Git dependencies come from: auto, github, mirror:URL-or-DIR, bundle",
    ),
    Flag(name="scenario", default="default", metavar="NAME", help="rehearsal scenario below rehearsal/scenarios/"),
    Flag(name="forge", default="auto", metavar="KIND", help="where commands run: auto, container, host"),
    Flag(
        name="database",
        default="auto",
        metavar="KIND",
        help="which PostgreSQL: auto, container, embedded, or postgresql://user:password@host/db",
    ),
    Flag(
        name="assets",
        default="auto",
        metavar="KIND",
        help="how JavaScript and CSS are built: auto, npm (esbuild and tailwind), plain (no bundler)",
    ),
    Flag(name="offline", metavar=None, help="cut the forge and the database off from every outer network"),
    Flag(name="through", metavar="PHASE", help="stop after this phase"),
    Flag(
        name="name",
        default="xavos",
        metavar="NAME",
        help="name of the deployment: its databases, role, branch and folder are called after it",
    ),
    Flag(name="directory", metavar="DIR", help="where the deployment goes (default: deployments/NAME)"),
    Flag(name="port", default=str(DEFAULT_PORT), metavar="PORT", help=f"port that {APPLICATION.title} listens on"),
    Flag(
        name="keep",
        metavar="WHEN",
        help="what stays up: never, on-success, failed or always (default: on-success; never where CI is set)",
    ),
    Flag(name="fresh", metavar=None, help="use no checkpoint, and fetch again from the source whatever can change"),
    Flag(
        name="record-bundle",
        metavar="DIR",
        help="write everything this run fetches into a bundle: folder, .tar file, or default (where auto looks)",
    ),
    Flag(
        name="fault",
        metavar="NAME[@PHASE][:FORM]",
        help="rehearse an outage: inject this fault, transient or persistent; list prints all and stops",
    ),
    Flag(name="seed", default="1", metavar="N", help="seed of the random choices of --fault and --campaign"),
    Flag(name="campaign", metavar=None, help="measure: many trials of every path under faults, on sites of their own"),
    Flag(name="paths", default="all", metavar="NAMES", help="paths that a campaign compares; several with commas"),
    Flag(
        name="faults",
        default="all",
        metavar="NAMES",
        help="faults of a campaign: names or families with commas, kills, none (control only), or all",
    ),
    Flag(
        name="trials", metavar="N", help="trials of each path under each fault at each phase (default: as time allows)"
    ),
    Flag(name="minutes", metavar="MINUTES", help="how long a campaign may take (default: until every trial is done)"),
    Flag(name="resume", metavar="RUN", help="continue the campaign of this report folder, or latest"),
    Flag(name="cluster", metavar="ADDRESS", help="run the trials of a campaign on the Dask cluster at this address"),
    Flag(name="recover", metavar=None, help="only undo what a killed run left behind, then stop"),
    Flag(name="plan", metavar=None, help="print what would be done, then stop"),
    Flag(name="doctor", metavar=None, help="print what a run needs, found or missing, then stop"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for, parsed and validated; nothing here has looked at the world yet.

    `folder` is where the reports of a run go that is a part of another (one path of a comparison), and `path_name` what
    its path is called there; else None.
    `spelt`: by which variable an option was given (`--port` → `XAVOS_PORT`). What may hold a password is in no repr.
    """

    paths: tuple[str, ...]
    gate: tuple[str, ...]
    jobs: int
    blame: bool
    matrix: bool
    matrix_minutes: int
    script_root: Path | None
    require: tuple[str, ...]
    source: str = field(repr=False)
    source_key: Path | None
    git_source: str = field(repr=False)
    scenario: str
    forge: str
    database: str = field(repr=False)
    assets: str
    offline: bool
    through: str | None
    name: str
    directory: Path
    port: int
    keep: str
    fresh: bool
    record_bundle: Path | None
    fault: str | None
    seed: int
    campaign: bool
    campaign_paths: tuple[str, ...]
    faults: tuple[str, ...]
    trials: int | None
    minutes: float | None
    resume: Path | None
    cluster: str | None
    recover: bool
    plan: bool
    doctor: bool
    ci: bool
    cache: Path
    state: Path
    reports: Path
    folder: Path | None
    path_name: str | None
    spelt: Mapping[str, str] = field(repr=False)

    @property
    def passwords(self) -> tuple[str, ...]:
        """The passwords in the URLs of the database, the mirror and the Git mirror."""
        urls = [urlsplit(place.partition(":")[2]) for place in (self.source, self.git_source) if "://" in place]
        found = [parse_address(self.database).password] if "://" in self.database else []
        return tuple(filter(None, (*found, *(unquote(url.password or "") for url in urls))))

    def as_given(self, error: RolloutError) -> RolloutError:
        """The same error; if it is about an option, it names the variable that set the option."""
        if isinstance(error, InvalidOption):
            return error.given_as(self.spelt.get(error.option, error.option))
        return error

    @property
    def only_tells(self) -> bool:
        """True for an invocation that only prints something and deploys nothing."""
        return self.doctor or self.plan or self.recover or self.fault == LIST

    @property
    def path(self) -> str:
        """The path of a session that runs one."""
        return self.paths[0]

    @property
    def script(self) -> Path | None:
        """The file of a path `script:FILE`."""
        return Path(self.path.removeprefix(SCRIPT)) if self.path.startswith(SCRIPT) else None

    @property
    def scripts(self) -> tuple[Path, ...]:
        """The files of all paths `script:FILE`."""
        return tuple(Path(path.removeprefix(SCRIPT)) for path in self.paths if path.startswith(SCRIPT))


def parse_options(
    given: Callable[[str], str | bool | None],
    environment: Mapping[str, str] | None = None,
    *,
    root: Path = ROOT,
) -> Options:
    """Build Options. `given(flag_name)` answers what the command line said, None where it said nothing.

    Raises InvalidOption for the first invalid value; it names the flag or the variable.
    """
    env = os.environ if environment is None else environment
    asked = _Asked(given, env)
    ci = env.get("CI", "").lower() not in _NO_CI
    name = values.name(asked.required("name"))
    reports = _folder(env, "XAVOS_REPORTS_DIR", lambda: root / "reports")
    cache = cache_folder(env)
    paths = values.paths(asked.required("path"))
    return Options(
        paths=paths,
        gate=asked.parsed("gate", lambda text: values.gate(text, paths)) or _default_gate(paths),
        jobs=values.number(asked.required("jobs"), least=1),
        blame=asked.switch("blame"),
        matrix=asked.switch("matrix"),
        matrix_minutes=values.number(asked.required("matrix-minutes"), least=1),
        script_root=asked.parsed("script-root", values.existing_folder),
        require=asked.parsed("require", values.names) or (),
        source=values.source(asked.required("source")),
        source_key=asked.parsed("source-key", values.folder),
        git_source=values.git_source(asked.required("git-source")),
        scenario=values.scenario(asked.required("scenario"), ROOT),
        forge=values.one_of(asked.required("forge"), ("auto", "container", "host")),
        database=values.database(asked.required("database")),
        assets=values.one_of(asked.required("assets"), ("auto", "npm", "plain")),
        offline=asked.switch("offline"),
        through=asked.parsed("through", _text),
        name=name,
        directory=asked.parsed("directory", values.folder) or root / "deployments" / name,
        port=values.port(asked.required("port")),
        keep=asked.parsed("keep", lambda text: values.one_of(text, KEEP)) or ("never" if ci else "on-success"),
        fresh=asked.switch("fresh"),
        record_bundle=asked.parsed("record-bundle", lambda text: _bundle(text, cache)),
        fault=asked.parsed("fault", _text),
        seed=values.number(asked.required("seed"), least=0, most=2**53),
        campaign=asked.switch("campaign"),
        campaign_paths=values.paths(asked.required("paths")),
        faults=values.names(asked.required("faults")),
        trials=asked.parsed("trials", lambda text: values.number(text, least=1)),
        minutes=asked.parsed("minutes", values.minutes),
        resume=asked.parsed("resume", lambda text: values.resumed(text, reports)),
        cluster=asked.parsed("cluster", _text),
        recover=asked.switch("recover"),
        plan=asked.switch("plan"),
        doctor=asked.switch("doctor"),
        ci=ci,
        cache=cache,
        state=state_folder(env),
        reports=reports,
        folder=Path(env[RUN_FOLDER]) if env.get(RUN_FOLDER) else None,
        path_name=env.get(PATH_NAME) or None,
        spelt=asked.spelt,
    )


class _Asked:
    """The value of each flag: from the command line, else the environment, else the default; None where unset."""

    def __init__(self, given: Callable[[str], str | bool | None], env: Mapping[str, str]) -> None:
        self._given = given
        self._env = env
        self._flags = {flag.name: flag for flag in FLAGS}
        self.spelt: dict[str, str] = {}

    def text(self, name: str) -> Given | None:
        """The text of an option, None where it is unset."""
        flag = self._flags[name]
        value = self._given(name)
        if value in {None, False} or (value == "" and flag.default is None):
            if self._env.get(flag.variable):
                self.spelt[flag.option] = flag.variable
                return values.checked(Given(option=flag.variable, text=self._env[flag.variable]))
            return Given(option=flag.option, text=flag.default) if flag.default is not None else None
        return values.checked(Given(option=flag.option, text=str(value)))

    def required(self, name: str) -> Given:
        """The text of an option that has a default."""
        found = self.text(name)
        assert found is not None
        return found

    def parsed(self, name: str, parse: Callable[[Given], Value]) -> Value | None:
        """The value of an option that may be absent."""
        found = self.text(name)
        return parse(found) if found is not None else None

    def switch(self, name: str) -> bool:
        """Whether a flag without a value is given."""
        flag = self._flags[name]
        if self._given(name):
            return True
        said = self._env.get(flag.variable, "")
        return values.switch(Given(option=flag.variable, text=said)) if said.strip() else False


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The cache folder, also before there are Options. Raises InvalidOption."""
    return _folder(environment, "XAVOS_CACHE_DIR", partial(platformdirs.user_cache_path, SUITE))


def state_folder(environment: Mapping[str, str]) -> Path:
    """The state folder (journals, secrets, locks), also before there are Options. Raises InvalidOption."""
    return _folder(environment, "XAVOS_STATE_DIR", partial(platformdirs.user_state_path, SUITE))


def _folder(env: Mapping[str, str], variable: str, default: Callable[[], Path]) -> Path:
    if env.get(variable):
        return values.folder(values.checked(Given(option=variable, text=env[variable])))
    with contextlib.suppress(RuntimeError):  # there is neither HOME nor an entry in passwd
        found = default()
        if found.is_absolute():
            return found
    raise InvalidOption(
        option=variable, value="", expected="a folder, because this user has no home folder (HOME) to put it in"
    )


def _text(given: Given) -> str:
    return given.text


def _default_gate(paths: tuple[str, ...]) -> tuple[str, ...]:
    return (PATHS[0],) if PATHS[0] in paths else paths


def _bundle(given: Given, cache: Path) -> Path:
    return cache / "bundles" / "default" if given.text == "default" else values.folder(given)
