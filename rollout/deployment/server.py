"""The running XAVOS, seen from outside."""

from __future__ import annotations

import contextlib
import ssl
import time

import docker.errors
import httpx
import requests

from rollout.diagnosis import ADVICE, classify
from rollout.errors import PhaseFailed
from rollout.phases.step import Step
from rollout.process import Outcome, Request
from rollout.site.processes import port_holder
from rollout.site.site import Site

READY_WITHIN = 90.0
_ALIVE_SECONDS = 2.0  # so often it is asked whether the server is still there, which takes the engine a tenth of one
_FIRST = {"database_unreachable": f"{ADVICE['database_unreachable']} "}
# XAVOS answers in plain HTTP; a context without certificates spares reading the system's, 40 ms for each client.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def marker(site: Site) -> str:
    """The token that every process started through the deployed scripts carries (it is in `.env`)."""
    return f"XAVOS_SERVER={site.run.id}"


def wait_until_ready(step: Step) -> None:
    """Wait until readiness (which asks the database) answers 200. Raises PhaseFailed with what it last saw.

    At once where no process of the server is left: with what its log says of that. Also where the answer is another
    program's: our server has come up beside it, or has not, and is not what is asked.
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
                answer = client.get("/health/ready")
            except httpx.HTTPError as error:
                last, cause = f"{type(error).__name__}: {error}", "timeout"
            else:
                if answer.status_code == 200:
                    _require_ours(site)
                    return
                last = f"HTTP {answer.status_code}: {answer.text[:300]}"
                cause = "database_unreachable" if _says_that_the_database_is_gone(answer) else "timeout"
            if time.monotonic() >= look:
                if not _is_alive(site):
                    raise _ended(site, last)
                look = time.monotonic() + _ALIVE_SECONDS
            time.sleep(0.1)
    raise PhaseFailed(
        f"Waited {READY_WITHIN:.0f} s for {site.base_url}/health/ready to answer 200; last seen: {last}. "
        f"The port is held by {port_holder(site.options.port) or 'nobody'}. Server log: {_log(site)}",
        cause=cause,
        advice=f"{_FIRST.get(cause, '')}Read log/server.log of the deployment (kept with --keep=always).",
    )


def _is_alive(site: Site) -> bool:
    """Whether a process of the server is left; also where that cannot be asked just now."""
    with contextlib.suppress(TimeoutError, docker.errors.DockerException, requests.RequestException):
        return bool(site.in_forge.running(marker(site)))
    return True


def _ended(site: Site, last: str) -> PhaseFailed:
    """The error for a server that has ended before it was ready; its log names the cause as a command's output does."""
    request, log = Request(argv=("mix", "phx.server"), label="the server", cwd=site.directory), _log(site)
    found = classify(Outcome(request=request, exit_code=None, seconds=0, tail=log))
    return PhaseFailed(
        f"The server has ended before {site.base_url}/health/ready answered 200 (last seen: {last}): {found.message}. "
        f"Server log: {log}",
        cause=found.cause,
        advice=f"{found.advice} Its log is log/server.log of the deployment (kept with --keep=always).",
        package=found.package,
    )


def _require_ours(site: Site) -> None:
    port = site.options.port
    try:
        is_ours = site.in_forge.listener_marked(port, marker(site))
    except TimeoutError as error:
        raise PhaseFailed(f"Whose the server on port {port} is cannot be said: {error}.", cause="timeout",
                          advice=ADVICE["timeout"]) from error  # fmt: skip
    if not is_ours:
        raise PhaseFailed(
            f"{site.base_url}/health/ready answered 200, but port {port} is taken by another program "
            f"({port_holder(port) or 'it has gone since'}). Server log: {_log(site)}",
            cause="port_taken",
            advice=ADVICE["port_taken"],
        )


def _says_that_the_database_is_gone(answer: httpx.Response) -> bool:
    """By XAVOS' own readiness; other servers may answer anything."""
    try:
        told = answer.json()
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("database") == "unreachable"


def _log(site: Site) -> str:
    path = site.file("log/server.log")
    return path.read_text(encoding="utf-8", errors="replace")[-1500:] if path.is_file() else "none"
