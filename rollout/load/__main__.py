"""`python -m rollout.load PROFILE.json URL FOLDER`: generates load until SIGTERM, Ctrl-C or the end of its parent."""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import signal
import sys
from pathlib import Path

from rollout.errors import UsageError
from rollout.load.profile import Profile
from rollout.load.worker import Worker
from rollout.text.standard_streams import make_outputs_safe


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 after an end in order. Exits with 2 if the profile, the URL or the folder cannot be used."""
    make_outputs_safe()
    parser = argparse.ArgumentParser(prog="python -m rollout.load", description=__doc__)
    parser.add_argument("profile", type=Path, metavar="PROFILE.json", help="what is requested, rollout.load.profile")
    parser.add_argument("url", metavar="URL", help="the server, http://host:port")
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="gets requests.jsonl, sessions.jsonl, generator.json"
    )
    given = parser.parse_args(arguments)
    try:
        profile = Profile.from_json(given.profile.read_text(encoding="utf-8"))
        given.folder.mkdir(parents=True, exist_ok=True)
        _raise_limit_of_files()
        worker = Worker(profile, url=given.url, folder=given.folder, token=secrets.token_hex(4))
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except UsageError as error:
        parser.error(str(error))
    asyncio.run(_run(worker))
    return 0


async def _run(worker: Worker) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await worker.run(stop)


def _raise_limit_of_files() -> None:
    """Each request in flight has a connection, and many are in flight while a server does not answer."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
