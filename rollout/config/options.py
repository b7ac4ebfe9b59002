"""Parses the command line and the environment into one frozen `Options`.

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

from rollout.config import values
from rollout.config.database_url import parse_address
from rollout.config.flags import FLAGS as FLAGS  # noqa: PLC0414 - other modules import them from here
from rollout.config.flags import LIST, arguments
from rollout.config.flags import Flag as Flag  # noqa: PLC0414 - the same
from rollout.config.flags import option as flag_option
from rollout.config.names import LONGEST, name_problem
from rollout.config.values import PATHS as PATHS  # noqa: PLC0414 - other modules import them from here
from rollout.config.values import SCRIPT as SCRIPT  # noqa: PLC0414 - the same
from rollout.config.values import RawValue
from rollout.errors import InvalidOption, RolloutError, UsageError
from rollout.installation import IS_CHECKOUT
from rollout.installation import ROOT as ROOT  # noqa: PLC0414 - other modules import it from here
from rollout.project.file import FILE, load

SUITE = "xavos-rollout"
KEEP = ("never", "on-success", "failed", "always")
# Variables without a flag. A comparison sets them for the runs of its paths.
RUN_FOLDER = "XAVOS_RUN_FOLDER"  # the report folder of the path's run
PATH_NAME = "XAVOS_PATH_NAME"  # the name of the path
CONDUCTOR = "XAVOS_CONDUCTOR"  # the process id of the session that waits for the run
_NO_CI = {"", "0", "false"}  # CI services set CI to any other word
# Flags whose field of Options has another name.
_FIELDS = {"path": "paths", "paths": "campaign_paths", "from": "predecessor"}
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The user's options, parsed and validated. Nothing outside this process was looked at yet.

    `folder` and `path_name` are set for the run of one path in a comparison: its report folder, and the path's name.
    `project` is the folder of the rollout.toml that the path `app` deploys, `revision` the commit of it to deploy
    (None: the working tree).
    `spelt`: the variable that set an option (`--port` → `XAVOS_PORT`). Fields that may hold a password are not in repr.
    """

    paths: tuple[str, ...]
    gate: tuple[str, ...]
    jobs: int
    blame: bool
    matrix: bool
    matrix_minutes: int
    script_root: Path | None
    project: Path | None
    revision: str | None
    require: tuple[str, ...]
    baseline: Path | None
    source: str = field(repr=False)
    source_key: Path | None
    git_source: str = field(repr=False)
    scenario: str
    forge: str
    database: str = field(repr=False)
    assets: str
    offline: bool
    stage: str
    predecessor: str | None
    soak: int
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
        """The same error. If it is about an option that a variable set, the error names the variable."""
        if isinstance(error, InvalidOption):
            return error.given_as(self.spelt.get(error.option, error.option))
        return error

    @property
    def only_prints(self) -> bool:
        """True for a command that prints something and deploys nothing."""
        return self.doctor or self.plan or self.recover or self.fault == LIST

    def as_arguments(self, *keywords: str) -> tuple[str, ...]:
        """The named flags as arguments of a command line that sets the same values: `as_arguments("git_source")`."""
        return arguments(**{keyword: getattr(self, _FIELDS.get(keyword, keyword)) for keyword in keywords})

    @property
    def path(self) -> str:
        """The path of a session that runs one path."""
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
    command_line: Callable[[str], str | bool | None],
    environment: Mapping[str, str] | None = None,
    *,
    root: Path = ROOT,
) -> Options:
    """Build Options. `command_line(name)` returns the value of a flag on the command line, None without one.

    Raises InvalidOption for the first invalid value; it names the flag or the variable.
    """
    env = os.environ if environment is None else environment
    raw = _RawValues(command_line, env)
    ci = env.get("CI", "").lower() not in _NO_CI
    project = raw.parsed("project", values.existing_folder)
    name = _name(raw, project)
    cache, state = cache_folder(env), state_folder(env)
    reports = _folder(env, "XAVOS_REPORTS_DIR", lambda: (root if IS_CHECKOUT else state) / "reports")
    paths = values.paths(raw.required("path"))
    campaign_paths = values.paths(raw.required("paths"))
    if project is None and values.APP in {*paths, *campaign_paths}:
        raise InvalidOption(option="--project", value="", expected="the folder of your rollout.toml")
    return Options(
        paths=paths,
        gate=raw.parsed("gate", lambda text: values.gate(text, paths)) or _default_gate(paths),
        jobs=values.number(raw.required("jobs"), least=1),
        blame=raw.switch("blame"),
        matrix=raw.switch("matrix"),
        matrix_minutes=values.number(raw.required("matrix-minutes"), least=1),
        script_root=raw.parsed("script-root", values.existing_folder),
        project=project,
        revision=raw.parsed("revision", values.revision),
        require=raw.parsed("require", values.names) or (),
        baseline=raw.parsed("baseline", values.existing_file),
        source=values.source(raw.required("source")),
        source_key=raw.parsed("source-key", values.folder),
        git_source=values.git_source(raw.required("git-source")),
        scenario=values.scenario(raw.required("scenario"), ROOT),
        forge=values.one_of(raw.required("forge"), ("auto", "container", "host")),
        database=values.database(raw.required("database")),
        assets=values.one_of(raw.required("assets"), ("auto", "npm", "plain")),
        offline=raw.switch("offline"),
        stage=values.one_of(raw.required("stage"), values.STAGES),
        predecessor=raw.parsed("from", lambda text: _predecessor(text, raw)),
        soak=_soak(raw),
        through=raw.parsed("through", _text),
        name=name,
        directory=raw.parsed("directory", values.folder) or _deployments(root) / name,
        port=values.port(raw.required("port")),
        keep=raw.parsed("keep", lambda text: values.one_of(text, KEEP)) or ("never" if ci else "on-success"),
        fresh=raw.switch("fresh"),
        record_bundle=raw.parsed("record-bundle", lambda text: _bundle(text, cache)),
        fault=raw.parsed("fault", _text),
        seed=values.number(raw.required("seed"), least=0, most=2**53),
        campaign=raw.switch("campaign"),
        campaign_paths=campaign_paths,
        faults=values.names(raw.required("faults")),
        trials=raw.parsed("trials", lambda text: values.number(text, least=1)),
        minutes=raw.parsed("minutes", values.minutes),
        resume=raw.parsed("resume", lambda text: values.campaign_folder(text, reports)),
        cluster=raw.parsed("cluster", _text),
        recover=raw.switch("recover"),
        plan=raw.switch("plan"),
        doctor=raw.switch("doctor"),
        ci=ci,
        cache=cache,
        state=state,
        reports=reports,
        folder=Path(env[RUN_FOLDER]) if env.get(RUN_FOLDER) else None,
        path_name=env.get(PATH_NAME) or None,
        spelt=raw.spelt,
    )


class _RawValues:
    """The text of each flag: from the command line, else the environment, else the default."""

    def __init__(self, command_line: Callable[[str], str | bool | None], env: Mapping[str, str]) -> None:
        self._command_line = command_line
        self._env = env
        self._flags = {flag.name: flag for flag in FLAGS}
        self.spelt: dict[str, str] = {}

    def text(self, name: str) -> RawValue | None:
        """The text of an option; None if it is unset and has no default."""
        flag = self._flags[name]
        value = self._command_line(name)
        if value in {None, False} or (value == "" and flag.default is None):
            if self._env.get(flag.variable):
                self.spelt[flag.option] = flag.variable
                return values.checked(RawValue(option=flag.variable, text=self._env[flag.variable]))
            return RawValue(option=flag.option, text=flag.default) if flag.default is not None else None
        return values.checked(RawValue(option=flag.option, text=str(value)))

    def is_given(self, name: str) -> bool:
        """Whether the command line or the environment sets an option."""
        return bool(self._command_line(name) or self._env.get(self._flags[name].variable))

    def required(self, name: str) -> RawValue:
        """The text of an option that has a default."""
        found = self.text(name)
        assert found is not None
        return found

    def parsed(self, name: str, parse: Callable[[RawValue], Value]) -> Value | None:
        """The parsed value of an option; None if it is unset."""
        found = self.text(name)
        return parse(found) if found is not None else None

    def switch(self, name: str) -> bool:
        """Whether a switch is on."""
        flag = self._flags[name]
        if self._command_line(name):
            return True
        word = self._env.get(flag.variable, "")
        return values.switch(RawValue(option=flag.variable, text=word)) if word.strip() else False


def _name(raw: _RawValues, project: Path | None) -> str:
    """The name of the deployment: as given, else that of the project's application."""
    if project is None or raw.is_given("name"):
        return values.name(raw.required("name"))
    try:
        own = load(project / FILE).application.name
    except UsageError:  # the path that needs the file says what is wrong with it
        return values.name(raw.required("name"))
    return own if name_problem(own) is None else f"{own[: LONGEST - 4]}_app"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The cache folder. For code that runs before Options exist. Raises InvalidOption."""
    return _folder(environment, "XAVOS_CACHE_DIR", partial(platformdirs.user_cache_path, SUITE))


def state_folder(environment: Mapping[str, str]) -> Path:
    """The state folder (journals, secrets, locks). For code that runs before Options exist. Raises InvalidOption."""
    return _folder(environment, "XAVOS_STATE_DIR", partial(platformdirs.user_state_path, SUITE))


def _folder(env: Mapping[str, str], variable: str, default: Callable[[], Path]) -> Path:
    if env.get(variable):
        return values.folder(values.checked(RawValue(option=variable, text=env[variable])))
    with contextlib.suppress(RuntimeError):  # neither HOME nor an entry in passwd exists
        found = default()
        if found.is_absolute():
            return found
    raise InvalidOption(
        option=variable, value="", expected="a folder, because this user has no home folder (HOME) to put it in"
    )


def _soak(raw: _RawValues) -> int:
    """Minutes. Raises InvalidOption for a stage that has no upgrade."""
    given = raw.required("soak")
    minutes = values.number(given, least=0, most=1440)
    if minutes and not _has_upgrade(raw):
        raise given.invalid(f"0 without the {values.STAGES[-1]} stage, because the upgrade comes first")
    return minutes


def _deployments(root: Path) -> Path:
    """The folder of all deployments. That of an installed suite is with the user's data. Raises InvalidOption."""
    place = root if IS_CHECKOUT else _folder({}, flag_option("directory"), partial(platformdirs.user_data_path, SUITE))
    return place / "deployments"


def _predecessor(given: RawValue, raw: _RawValues) -> str:
    """A name that is no option of git or an engine. Raises InvalidOption for a stage that has no upgrade."""
    if not _has_upgrade(raw):
        raise given.invalid(f"nothing without the {values.STAGES[-1]} stage, which has the upgrade")
    if given.text.startswith("-") or any(letter.isspace() for letter in given.text):
        raise given.invalid("a Git revision of this checkout, or the name of an image")
    return given.text


def _has_upgrade(raw: _RawValues) -> bool:
    return raw.required("stage").text == values.STAGES[-1]


def _text(given: RawValue) -> str:
    return given.text


def _default_gate(paths: tuple[str, ...]) -> tuple[str, ...]:
    return (PATHS[0],) if PATHS[0] in paths else paths


def _bundle(given: RawValue, cache: Path) -> Path:
    return cache / "bundles" / "default" if given.text == "default" else values.folder(given)
