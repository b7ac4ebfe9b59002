"""Runs processes: takes a Request, returns an Outcome."""

from rollout.process.dialogue import Dialogue, DialogueEnded
from rollout.process.local import LocalLauncher
from rollout.process.request import LOST, Launcher, Observer, Outcome, Quiet, Request, Running
from rollout.process.runner import execute

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
