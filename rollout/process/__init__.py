"""Starts all programs of the suite. A test fails if another module starts one.

| | for |
|---|---|
| `execute` | a command of a phase: observed, journaled, with a deadline; on this machine or in a container |
| `Dialogue` | a command that stays and is read line by line |
| `capture` | a short command on this machine whose output is needed |
| `start` | a program that runs in the background |
"""

from rollout.process.background import Background, start
from rollout.process.capture import Captured, capture
from rollout.process.dialogue import Dialogue, DialogueEnded
from rollout.process.local import LocalLauncher
from rollout.process.request import LOST, Launcher, Observer, Outcome, Quiet, Request, Running
from rollout.process.runner import execute

__all__ = [
    "LOST",
    "Background",
    "Captured",
    "Dialogue",
    "DialogueEnded",
    "Launcher",
    "LocalLauncher",
    "Observer",
    "Outcome",
    "Quiet",
    "Request",
    "Running",
    "capture",
    "execute",
    "start",
]
