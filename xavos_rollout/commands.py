"""The subcommands of `xavos-rollout`. Each stands for a flag of the suite or for one of its modules."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import rollout
from rollout.config import flags
from rollout.config.flags import FLAGS, Flag, arguments, value_in
from rollout.config.options import state_folder
from rollout.errors import RolloutError
from rollout.installation import session_arguments
from rollout.project.file import FILE
from rollout.text.standard_streams import make_outputs_safe
from xavos_rollout.reports import reports_folder

PROGRAM = "xavos-rollout"
_REPORTS = "XAVOS_REPORTS_DIR"
_USAGE_ERROR = 4
_DEPLOYS = ("", "record_bundle")
_SWITCHES = {"record_bundle": "default"}  # the values of flags that are no switches
_DEPLOYING = tuple(flag for flag in FLAGS if flag.name not in {*flags.COMMANDS, *flags.CAMPAIGN})
_MEASURING = tuple(flag for flag in FLAGS if flag.name not in flags.COMMANDS)
_DEPLOYMENTS = "rollout.__main__"
_PYTEST = "[FLAG...] [OPTION OF PYTEST...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand. `run` takes the arguments after its name and returns the exit code. `flags` are for its help."""

    name: str
    help: str
    run: Callable[[Sequence[str]], int]
    usage: str = ""
    flags: tuple[Flag, ...] = ()


def main(given: Sequence[str]) -> int:
    """Run a subcommand. Returns its exit code; 4 for an unknown one."""
    make_outputs_safe()
    name, rest = (given[0], given[1:]) if given else ("--help", ())
    if name in {"-h", "--help"}:
        print(_overview())
        return 0
    if name in {"-V", "--version"}:
        print(f"{PROGRAM} {rollout.__version__}")
        return 0
    command = next((each for each in COMMANDS if each.name == name), None)
    if command is None:
        near = difflib.get_close_matches(name, [each.name for each in COMMANDS], n=1)
        hint = f"Did you mean {near[0]}?" if near else f"`{PROGRAM} --help` lists them."
        print(f"ERROR: {PROGRAM} has no command {name!r}. {hint}", file=sys.stderr)
        return _USAGE_ERROR
    if {"-h", "--help"} & set(rest):
        print(_help(command))
        return 0
    try:
        _place_reports(rest)
        return command.run(rest)
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return _USAGE_ERROR


def _place_reports(given: Sequence[str]) -> None:
    """Choose the folder of reports, for this process and those that it starts. The user's choice counts."""
    if not os.environ.get(_REPORTS):
        os.environ[_REPORTS] = str(reports_folder(_project(given), state_folder(os.environ)))


def _project(given: Sequence[str]) -> Path:
    return Path(_value(given, "project") or ".")


def _value(given: Sequence[str], keyword: str) -> str | None:
    """The value of a flag, from the arguments or its variable."""
    return value_in(given, keyword) or os.environ.get(f"XAVOS_{keyword.upper()}")


def _session(switch: str = "") -> Callable[[Sequence[str]], int]:
    """A pytest of the suite with this switch. With a rollout.toml here, it is about that application."""
    own = arguments(**{switch: _SWITCHES.get(switch, True)}) if switch else ()

    def run(given: Sequence[str]) -> int:
        if switch in _DEPLOYS or (_project(given) / FILE).exists():
            given = (*_application(given, paths="paths" if switch == "campaign" else "path"), *given)
        return int(importlib.import_module("pytest").main([*own, *given, *session_arguments()]))

    return run


def _application(given: Sequence[str], *, paths: str) -> tuple[str, ...]:
    """The flags that name the application of this folder. None if the user has named a path."""
    if _value(given, paths):
        return ()
    return arguments(**{paths: "app", "project": None if _value(given, "project") else "."})


def _module(name: str, *own: str) -> Callable[[Sequence[str]], int]:
    """The `main` of a module, with arguments of its own. It is imported when it runs: some take a second."""
    return lambda given: int(importlib.import_module(name).main([*own, *given]))


def _report(given: Sequence[str]) -> int:
    return _module("rollout.report.__main__")(given or (str(Path(os.environ[_REPORTS], "latest")),))


COMMANDS = (
    Command(name="init", help="look at a repository, and write its rollout.toml", run=_module(_DEPLOYMENTS, "init"),
            usage="[FOLDER] [--root=FOLDER] [--write] | --schema"),
    Command(name="doctor", help="what a run needs, found or missing, and how to fix it", run=_session("doctor"),
            usage=_PYTEST, flags=_DEPLOYING),
    Command(name="setup", help="install a container engine if none answers (as root), and make the images",
            run=_module("rollout.cli.setup"), usage="[FLAG...]", flags=_DEPLOYING),
    Command(name="plan", help="what a run would do", run=_session("plan"), usage=_PYTEST, flags=_DEPLOYING),
    Command(name="deploy", help="deploy phase by phase, and prove each phase; the same as pytest --rollout",
            run=_session(), usage=f"{_PYTEST} [CHECK...]", flags=_DEPLOYING),
    Command(name="bundle", help="deploy, and record what is fetched into the bundle that --source=auto finds",
            run=_session("record_bundle"), usage=_PYTEST, flags=_DEPLOYING),
    Command(name="status", help="what is deployed", run=_module(_DEPLOYMENTS, "status")),
    Command(name="undeploy", help="remove a deployment; without a name, the only one",
            run=_module(_DEPLOYMENTS, "undeploy"), usage="[NAME...]"),
    Command(name="recover", help="undo what a killed run left behind", run=_session("recover"), usage=_PYTEST),
    Command(name="campaign", help="measure: trials of every path under faults", run=_session("campaign"),
            usage=_PYTEST, flags=_MEASURING),
    Command(name="report", help="make the reports of a run again, from its journal", run=_report,
            usage="[RUN_FOLDER]  (default: the newest run)"),
    Command(name="bench", help="measure the suite itself: overhead, look-up, second run", flags=_DEPLOYING,
            run=_module("rollout.bench.__main__"), usage="[--samples=N] [--real-samples=N] [FLAG...]"),
    Command(name="clean-cache", help="empty checkpoints and the gateway's cache",
            run=_module(_DEPLOYMENTS, "clean-cache")),
)  # fmt: skip


def _overview() -> str:
    width = max(len(command.name) for command in COMMANDS) + 2
    rows = (f"  {command.name:<{width}}{command.help}" for command in COMMANDS)
    return "\n".join((
        f"usage: {PROGRAM} COMMAND [ARGUMENT...]",
        "",
        "Deploys a Phoenix application phase by phase, proves every phase with checks, and proves every rollback.",
        "",
        *rows,
        "",
        f"`{PROGRAM} COMMAND --help` lists the flags of a command. In a folder with a rollout.toml, commands are about",
        "that application; --path names another path, such as that of XAVOS: --path=realistic.",
    ))  # fmt: skip


def _help(command: Command) -> str:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {command.name}", usage=f"%(prog)s {command.usage}".strip(), description=command.help,
        epilog="Each flag is also the environment variable XAVOS_FLAG." if command.flags else None, allow_abbrev=False,
    )  # fmt: skip
    for flag in command.flags:
        text = flag.help.replace("%", "%%")
        if flag.metavar is None:
            parser.add_argument(flag.option, action="store_true", help=text)
        else:
            parser.add_argument(flag.option, metavar=flag.metavar, help=text)
    return parser.format_help()
