"""Defines all command-line flags of the suite. No other module contains the name of a flag.

Every flag is also an environment variable `XAVOS_<FLAG>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.application import APPLICATION

DEFAULT_PORT = 4001
LIST = "list"  # --fault=list


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option. `name` has no dashes at its start; `metavar` is None for a switch."""

    name: str
    help: str
    default: str | None = None
    metavar: str | None = "VALUE"

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def keyword(self) -> str:
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        return f"XAVOS_{self.keyword.upper()}"


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="path",
        default="realistic",
        metavar="NAMES",
        help="paths to run and compare: realistic, incremental, ambitious, app, script:FILE; with commas, or all",
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
    Flag(name="project", metavar="DIR", help="with --path=app: the folder of your rollout.toml, in its Git repository"),
    Flag(
        name="revision",
        metavar="REV",
        help="with --path=app: commit, branch or tag to deploy (default: the working tree, uncommitted changes too)",
    ),
    Flag(
        name="require",
        metavar="GROUPS",
        help="groups of checks that each path of the gate has to answer, such as server,migrations",
    ),
    Flag(
        name="baseline",
        metavar="FILE",
        help="verdict.json of an earlier run: what failed there is excused, and only what became worse fails the run",
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
    Flag(
        name="stage",
        default="development",
        metavar="STAGE",
        help="how far to deploy: development (mix phx.server), or production (release, instances, upgrade under load)",
    ),
    Flag(
        name="from",
        metavar="RELEASE",
        help="what release A of --stage=production is: a Git revision of this checkout, or an image with it at /app",
    ),
    Flag(
        name="soak",
        default="0",
        metavar="MINUTES",
        help="how long load and memory are watched after the upgrade of --stage=production",
    ),
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
    Flag(name="fresh", metavar=None, help="use no checkpoint, and ask the source again for everything that can change"),
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

COMMANDS = ("campaign", "recover", "plan", "doctor")
"""The flags that are commands of their own."""
CAMPAIGN = ("paths", "faults", "trials", "minutes", "resume", "cluster")
"""The flags that only a campaign reads."""


def arguments(**values: object) -> tuple[str, ...]:
    """The arguments of a command line: `arguments(port=4001, offline=True)` → `--port=4001`, `--offline`.

    A name has underscores for dashes. Lists are joined by commas. None, False and an empty list give no argument.
    Raises KeyError for a name that is no flag.
    """
    given = {_BY_KEYWORD[name]: value for name, value in values.items()}
    return tuple(
        flag.option if value is True else f"{flag.option}={','.join(value) if isinstance(value, tuple) else value}"
        for flag, value in given.items()
        if value not in (None, False, ())
    )


def option(keyword: str) -> str:
    """The flag itself, for messages: `option("fresh")` → `--fresh`."""
    return _BY_KEYWORD[keyword].option


def defaults() -> frozenset[str]:
    """The arguments that change nothing: each flag with its default."""
    return frozenset(f"{flag.option}={flag.default}" for flag in FLAGS if flag.default is not None)


def value_in(given: Sequence[str], keyword: str) -> str | None:
    """The value of a flag in a command line, as pytest reads it: the last `--flag=value` or `--flag value`."""
    name, value = option(keyword), None
    for index, argument in enumerate(given):
        if argument == name and index + 1 < len(given):
            value = given[index + 1]
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value


_BY_KEYWORD = {flag.keyword: flag for flag in FLAGS}
