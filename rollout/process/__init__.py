"""Runs processes: takes a Request, returns an Outcome."""

from rollout.process.dialogue import Dialogue, DialogueEnded
from rollout.process.door import execute
from rollout.process.local import LocalLauncher
from rollout.process.request import LOST, Launcher, Observer, Outcome, Quiet, Request, Running

__all__ = [
    "LOST",
    "Dialogue",
    "DialogueEnded",
    "Launcher",
    "LocalLauncher",
    "Observer",
    "Outcome",
    "Quiet",
    "Request",
    "Running",
    "execute",
]
