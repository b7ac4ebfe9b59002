"""Finds and ends processes of a run by a marker in their environment, never by name or command line."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

import psutil

_ENDS_WITHIN = 5.0

# In a container the script below has the marker too. This variable excludes it from its own results.
OBSERVER = {"XAVOS_OBSERVER": "1"}

# The functions below as a POSIX shell script, for containers, which have no psutil: marked, running, kill, listener.
# Errors are discarded, because processes may end meanwhile.
SCRIPT = r"""
exec 2>/dev/null
marked() {
  for process in /proc/[0-9]*; do
    tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF -- "$1" || continue
    tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qxF XAVOS_OBSERVER=1 || echo "${process#/proc/}"
  done
  return 0
}
case "$1" in
marked) marked "$2" ;;
running)
  for pid in $(marked "$2"); do
    echo "$pid $(tr '\0\n' '  ' <"/proc/$pid/cmdline")"
  done ;;
kill)
  for signal in TERM KILL; do
    left=$(marked "$2"); [ -z "$left" ] && exit 0
    kill -"$signal" $left 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      [ -z "$(marked "$2")" ] && exit 0
      sleep 0.2
    done
  done
  marked "$2" ;;
listener)
  port=$(printf '%04X' "$3")
  inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p=":$port" '$2 ~ p"$" && $4 == "0A" {print $10}')
  for pid in $(marked "$2"); do
    for inode in $inodes; do
      ls -l "/proc/$pid/fd" 2>/dev/null | grep -qF "socket:[$inode]" && { echo yes; exit 0; }
    done
  done
  echo no ;;
esac
"""


def marked(marker: str) -> tuple[int, ...]:
    """Pids of processes on this machine with `NAME=value` in their initial environment, except this process."""
    name, _, value = marker.partition("=")
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                found.append(process.pid)
    return tuple(found)


def running(marker: str) -> Mapping[int, str]:
    """Those processes with their command lines. Zombies are left out."""
    found = {}
    for pid in marked(marker):
        with contextlib.suppress(psutil.Error, OSError):
            found[pid] = " ".join(psutil.Process(pid).cmdline())
    return {pid: command for pid, command in found.items() if command}


def kill_marked(marker: str) -> None:
    """End the processes with TERM, then KILL. Raises TimeoutError if one is left."""
    for forceful in (False, True):
        alive = []
        for pid in marked(marker):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                process.kill() if forceful else process.terminate()
                alive.append(process)
        psutil.wait_procs(alive, timeout=_ENDS_WITHIN)
        if not marked(marker):
            return
    left = marked(marker)
    if left:
        raise TimeoutError(f"processes {', '.join(map(str, left))} do not end")


def listener_marked(port: int, marker: str) -> bool:
    """Whether a process with the marker listens on the port of this machine."""
    for pid in marked(marker):
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(pid).net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


def port_holder(port: int, *, seconds: float = 0.0) -> str | None:
    """The listener on a port: `name (pid N)`, `another program` or None. Waits up to `seconds` for a free port."""
    until = time.monotonic() + seconds
    while True:
        holder = _port_holder(port)
        if holder is None or time.monotonic() >= until:
            return holder
        time.sleep(0.05)


def port_obstacle(port: int) -> str | None:
    """Why XAVOS cannot listen on a port of this machine (another listener, a system error); None if it can."""
    holder = port_holder(port)
    if holder is not None:
        return holder
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Erlang does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return f"it cannot be bound: {error.strerror or error}"
    return None


def _port_holder(port: int) -> str | None:
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                with contextlib.suppress(psutil.Error):
                    if connection.pid:
                        return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
                return "another program"
    return None
