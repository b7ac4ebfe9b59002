"""Waits until the deployed server is ready, and explains why it is not."""

from __future__ import annotations

import contextlib
import ssl
import time
from pathlib import Path

import docker.errors
import httpx
import requests

from rollout.diagnosis import ADVICE, classify
from rollout.errors import PhaseFailed
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.processes import port_holder
from rollout.site.site import Site
from rollout.site.views import CheckedSite

LOG = "log/server.log"
READY_WITHIN = 90.0
_ALIVE_SECONDS = 2.0  # between two looks for the server's process; each takes the engine 0.1 s
_FIRST = {"database_unreachable": f"{ADVICE['database_unreachable']} "}
# In development servers speak plain HTTP. A context without certificates saves reading the system's, 40 ms a client.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def marker(site: CheckedSite) -> str:
    """The environment variable that marks every process of the server (it is in `.env`)."""
    return f"XAVOS_SERVER={site.run.id}"


def wait_until_ready(step: Step) -> None:
    """Wait until the application's ready_path answers 200. Raises PhaseFailed with the last answer.

    Raises at once if no process of the server is left, with its log, or if another program listens on the port.
    """
    site, last, cause = step.site, "no answer", "timeout"
    until = time.monotonic() + min(READY_WITHIN, step.remaining)
    look = time.monotonic() + _ALIVE_SECONDS
    with (
        site.run.journal.waiting("readiness to answer 200", **step.where),
        httpx.Client(base_url=site.base_url, timeout=5, trust_env=False, verify=NO_TLS) as client,
    ):
        while time.monotonic() < until:
            try:
                answer = client.get(site.target.ready_path)
            except httpx.HTTPError as error:
                last, cause = f"{type(error).__name__}: {error}", "timeout"
            else:
                if answer.status_code == 200:
                    _require_ours(site)
                    return
                last = f"HTTP {answer.status_code}: {answer.text[:300]}"
                cause = "database_unreachable" if _reports_missing_database(answer) else "timeout"
            if time.monotonic() >= look:
                if not _is_alive(site):
                    raise _ended_early(site, last)
                look = time.monotonic() + _ALIVE_SECONDS
            time.sleep(0.1)
    raise PhaseFailed(
        f"Waited {READY_WITHIN:.0f} s for {site.base_url}{site.target.ready_path} to answer 200; last seen: {last}. "
        f"The port is held by {port_holder(site.options.port) or 'no process'}. Server log: {_log(site)}",
        cause=cause,
        advice=f"{_FIRST.get(cause, '')}Read log/server.log of the deployment (kept with --keep=always).",
    )


def _is_alive(site: Site) -> bool:
    """Whether a process of the server is left. True if the engine does not answer."""
    with contextlib.suppress(TimeoutError, docker.errors.DockerException, requests.RequestException):
        return bool(site.in_forge.running(marker(site)))
    return True


def _ended_early(site: Site, last: str) -> PhaseFailed:
    """The error for a server that ended before it was ready. Its log is classified like the output of a command."""
    request, log = Request(argv=("mix", "phx.server"), label="the server", cwd=site.directory), _log(site)
    found = classify(Outcome(request=request, exit_code=None, seconds=0, tail=log))
    return PhaseFailed(
        f"The server ended before {site.base_url}{site.target.ready_path} answered 200 (last seen: {last}): "
        f"{found.message}. Server log: {log}",
        cause=found.cause,
        advice=f"{found.advice} Its log is log/server.log of the deployment (kept with --keep=always).",
        package=found.package,
    )


def _require_ours(site: Site) -> None:
    port = site.options.port
    try:
        is_ours = site.in_forge.listener_marked(port, marker(site))
    except TimeoutError as error:
        raise PhaseFailed(f"Cannot tell whether port {port} is held by this deployment: {error}.", cause="timeout",
                          advice=ADVICE["timeout"]) from error  # fmt: skip
    if not is_ours:
        raise PhaseFailed(
            f"{site.base_url}{site.target.ready_path} answered 200, but port {port} is taken by another program "
            f"({port_holder(port) or 'which has ended since'}). Server log: {_log(site)}",
            cause="port_taken",
            advice=ADVICE["port_taken"],
        )


def _reports_missing_database(answer: httpx.Response) -> bool:
    """Whether the readiness of XAVOS says that the database is unreachable. Other servers may answer anything."""
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("database") == "unreachable"


def log_file(site: CheckedSite) -> Path:
    """The log of the server: in the application's folder, or in that of the site, where the application has none."""
    own = site.file(LOG)
    return own if own.is_file() else site.directory / LOG


def _log(site: Site) -> str:
    path = log_file(site)
    return path.read_text(encoding="utf-8", errors="replace")[-1500:] if path.is_file() else "none"
