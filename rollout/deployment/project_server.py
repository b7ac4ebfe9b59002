"""Starts the server of a project in development, and asks it to end."""

from __future__ import annotations

import shlex

from rollout.app.subject import project_of, words
from rollout.deployment import server as servers
from rollout.phases.step import Step

_VIRTUAL_MACHINE = "beam"


def start(step: Step) -> None:
    """Start the server on the port of the deployment, and wait until it is ready. Raises PhaseFailed."""
    site, command = step.site, words(project_of(step).server.command)
    # The server gets a session of its own and does not hold the output of the command that starts it.
    line = f"exec {shlex.join(command)} >>{site.in_forge.root}/{servers.LOG} 2>&1 </dev/null"
    marker = servers.marker(site)
    record = {"kind": "processes", "marker": marker, "forge": site.in_forge.record}
    (site.directory / servers.LOG).parent.mkdir(exist_ok=True)
    with step.act(f"start the server on port {site.options.port}", record):
        step.must("sh", "-c", f"setsid --fork sh -c {shlex.quote(line)}", label=" ".join(command[:3]), deadline=60,
                  marker=marker)  # fmt: skip
    servers.wait_until_ready(step)


def ask_to_end(step: Step) -> None:
    """Send SIGTERM to the virtual machine of the server, as a service manager does. Does not wait for its end."""
    running = step.site.in_forge.running(servers.marker(step.site))
    machines = [pid for pid, command in running.items() if _VIRTUAL_MACHINE in command] or list(running)
    step.run("kill", "-TERM", *map(str, machines), label="tell the server to end", deadline=30)
