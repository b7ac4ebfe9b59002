"""Flags and environment become one frozen `Options`. The only module that knows how a flag is spelt.

Precedence: command line, then the environment variable `XAVOS_<FLAG>`, then the default.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from rollout.errors import InvalidOption
from rollout.names import why_not

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = "xavos-rollout"
DEFAULT_PORT = 4001
KEEP = ("never", "on-success", "failed", "always")
PATHS = ("realistic", "incremental", "ambitious")
SCRIPT = "script:"
LIST = "list"  # --fault=list
RUN_FOLDER = "XAVOS_RUN_FOLDER"  # no flag: a comparison tells its paths' own runs where they report
PATH_NAME = "XAVOS_PATH_NAME"  # no flag: what a comparison calls the path of such a run
CONDUCTOR = "XAVOS_CONDUCTOR"  # no flag: the process that waits for such a run
_SWITCH_ON = {"1", "true", "yes", "on"}
_NO_CI = {"", "0", "false"}  # CI services set CI to any other word


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
        help="folder that goes along with a script:FILE (default: the Git repository that it is in, else its folder)",
    ),
    Flag(
        name="require",
        metavar="GROUPS",
        help="groups of checks that a path of the gate has to answer, such as server,migrations",
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
    Flag(name="port", default=str(DEFAULT_PORT), metavar="PORT", help="port that XAVOS listens on"),
    Flag(
        name="keep",
        metavar="WHEN",
        help="never, on-success, failed (as it failed) or always (default: on-success; never where CI is set)",
    ),
    Flag(name="fresh", metavar=None, help="ignore checkpoints: rebuild every phase"),
    Flag(
        name="record-bundle",
        metavar="DIR",
        help="write everything this run fetches into a bundle: folder, .tar file, or default (where auto looks)",
    ),
    Flag(
        name="fault",
        metavar="NAME[@PHASE][:FORM]",
        help="rehearse an outage: inject this fault, transient or persistent; list says which there are, then stops",
    ),
    Flag(name="seed", default="1", metavar="N", help="what --fault and --campaign leave to chance is drawn from it"),
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
    Flag(name="resume", metavar="RUN", help="go on with the campaign of this report folder; latest is one"),
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
    """

    paths: tuple[str, ...]
    gate: tuple[str, ...]
    jobs: int
    blame: bool
    matrix: bool
    matrix_minutes: int
    script_root: Path | None
    require: tuple[str, ...]
    source: str
    source_key: Path | None
    git_source: str
    scenario: str
    forge: str
    database: str
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

    @property
    def only_tells(self) -> bool:
        """True for an invocation that answers a question and deploys nothing."""
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

    Raises InvalidOption on the first value that cannot be meant.
    """
    env = os.environ if environment is None else environment

    def text(name: str) -> str | None:
        flag = next(flag for flag in FLAGS if flag.name == name)
        value = given(name)
        if value is None or value is False:
            value = env.get(flag.variable) or flag.default
        return str(value) if value is not None else None

    def switch(name: str) -> bool:
        flag = next(flag for flag in FLAGS if flag.name == name)
        return bool(given(name)) or env.get(flag.variable, "").lower() in _SWITCH_ON

    def required(name: str) -> str:
        return text(name) or ""

    def path(name: str) -> Path | None:
        value = text(name)
        return Path(value).expanduser().absolute() if value else None

    ci = env.get("CI", "").lower() not in _NO_CI
    name = _deployment_name(required("name"))
    reports = _folder(env, "XAVOS_REPORTS_DIR", root / "reports")
    cache = cache_folder(env)
    paths = _paths(required("path"))
    return Options(
        paths=paths,
        gate=_gate(text("gate"), paths),
        jobs=_number("--jobs", required("jobs"), least=1),
        blame=switch("blame"),
        matrix=switch("matrix"),
        matrix_minutes=_number("--matrix-minutes", required("matrix-minutes"), least=1),
        script_root=_root(path("script-root")),
        require=_words(text("require")),
        source=_source(required("source")),
        source_key=path("source-key"),
        git_source=_prefixed("--git-source", required("git-source"), ("auto", "github", "bundle"), ("mirror:",)),
        scenario=required("scenario"),
        forge=_one_of("--forge", required("forge"), ("auto", "container", "host")),
        database=_database(required("database")),
        assets=_one_of("--assets", required("assets"), ("auto", "npm", "plain")),
        offline=switch("offline"),
        through=text("through"),
        name=name,
        directory=path("directory") or root / "deployments" / name,
        port=_port(required("port")),
        keep=_one_of("--keep", text("keep") or ("never" if ci else "on-success"), KEEP),
        fresh=switch("fresh"),
        record_bundle=cache / "bundles" / "default" if text("record-bundle") == "default" else path("record-bundle"),
        fault=text("fault"),
        seed=_number("--seed", required("seed"), least=0),
        campaign=switch("campaign"),
        campaign_paths=_paths(required("paths")),
        faults=_words(text("faults")),
        trials=_number("--trials", trials, least=1) if (trials := text("trials")) else None,
        minutes=_minutes(minutes) if (minutes := text("minutes")) else None,
        resume=_resumed(text("resume"), reports),
        cluster=text("cluster"),
        recover=switch("recover"),
        plan=switch("plan"),
        doctor=switch("doctor"),
        ci=ci,
        cache=cache,
        state=state_folder(env),
        reports=reports,
        folder=Path(env[RUN_FOLDER]) if env.get(RUN_FOLDER) else None,
        path_name=env.get(PATH_NAME) or None,
    )


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where is what can be made again, also before there are Options."""
    return _folder(environment, "XAVOS_CACHE_DIR", platformdirs.user_cache_path(APPLICATION))


def state_folder(environment: Mapping[str, str]) -> Path:
    """Where journals, secrets and locks are, also before there are Options."""
    return _folder(environment, "XAVOS_STATE_DIR", platformdirs.user_state_path(APPLICATION))


def _deployment_name(value: str) -> str:
    if reason := why_not(value):
        raise InvalidOption(option="--name", value=value, expected=f"another name, because {reason}")
    return value


def _folder(env: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(env[variable]).expanduser().absolute() if env.get(variable) else default


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidOption(option=option, value=value, expected=" or ".join(allowed))
    return value


def _words(value: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in (value or "").split(",") if word.strip()))


def _root(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise InvalidOption(option="--script-root", value=str(folder), expected="a folder; there is none of that name")
    return folder


def _paths(value: str) -> tuple[str, ...]:
    names = PATHS if value == "all" else tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    return tuple(dict.fromkeys(_path(name) for name in names))


def _path(name: str) -> str:
    if name in PATHS:
        return name
    if not name.startswith(SCRIPT) or name == SCRIPT:
        near = difflib.get_close_matches(name, PATHS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InvalidOption(option="--path", value=name, expected=f"{', '.join(PATHS)}, {SCRIPT}FILE or all{hint}")
    file = Path(name.removeprefix(SCRIPT)).expanduser().absolute()
    if problem := _problem(file):
        raise InvalidOption(option="--path", value=name, expected=f"a file; {problem}")
    return f"{SCRIPT}{file}"


def _problem(file: Path) -> str:
    """Why a file is no script; "" where it may be one."""
    try:
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            return f"{file} is {'a folder' if stat.S_ISDIR(info.st_mode) else 'neither a file nor a folder'}"
        with file.open("rb"):
            return ""
    except FileNotFoundError:
        return f"there is none at {file}"
    except (OSError, ValueError) as error:
        return f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"


def _gate(value: str | None, paths: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return (PATHS[0],) if PATHS[0] in paths else paths
    if value == "all":
        return paths
    names = tuple(_path(name.strip()) for name in value.split(","))
    for name in names:
        if name not in paths:
            raise InvalidOption(option="--gate", value=name, expected=f"paths that run: {', '.join(paths)}, or all")
    return names


def _number(option: str, value: str, *, least: int) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) < least:
        raise InvalidOption(option=option, value=value, expected=f"a whole number from {least}")
    return int(value)


def _minutes(value: str) -> float:
    try:
        minutes = float(value)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < math.inf:
        raise InvalidOption(option="--minutes", value=value, expected="a number above 0")
    return minutes


def _resumed(value: str | None, reports: Path) -> Path | None:
    """The folder of the campaign to go on with: a run below the reports, or any folder."""
    if not value:
        return None
    folder = next((path for path in (reports / value, Path(value).expanduser().absolute()) if path.is_dir()), None)
    if folder is None:
        raise InvalidOption(option="--resume", value=value, expected=f"the name of a run in {reports}, or its folder")
    return folder.resolve()


def _prefixed(option: str, value: str, words: tuple[str, ...], prefixes: tuple[str, ...]) -> str:
    if value in words or any(value.startswith(prefix) and value != prefix for prefix in prefixes):
        return value
    raise InvalidOption(option=option, value=value, expected=", ".join((*words, *(f"{p}…" for p in prefixes))))


def _source(value: str) -> str:
    value = _prefixed("--source", value, ("auto", "hexpm", "rehearsal"), ("mirror:", "bundle:"))
    if value.startswith("mirror:"):
        url = urlsplit(value.removeprefix("mirror:"))
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise InvalidOption(option="--source", value=value, expected="mirror:http://host… or mirror:https://host…")
    return value


def _database(value: str) -> str:
    if value in {"auto", "container", "embedded"}:
        return value
    url = urlsplit(value)
    if "password=" in url.query:
        raise InvalidOption(option="--database", value=_without_password(value),
                            expected="the password before the host: postgresql://user:password@host")  # fmt: skip
    if url.scheme not in {"postgresql", "postgres"} or not url.hostname:
        raise InvalidOption(
            option="--database",
            value=_without_password(value),
            expected="auto, container, embedded or postgresql://user:password@host:port/database",
        )
    try:
        _ = url.port
    except ValueError:
        raise InvalidOption(
            option="--database", value=_without_password(value), expected="a port between 1 and 65535 in the URL"
        ) from None
    return value


def _without_password(value: str) -> str:
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", value))


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or not 1024 <= int(value) <= 65535:
        raise InvalidOption(option="--port", value=value, expected="a number from 1024 to 65535")
    return int(value)
