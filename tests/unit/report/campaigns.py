"""Builds random campaign.json data for tests, from a seed."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from rollout.results.campaign.trials import as_row
from rollout.results.campaign.trouble_mix import FILE, as_rows, load_troubles
from tests.unit.campaign.trials import result, trial

PATHS = ("realistic", "incremental", "ambitious")
# fault → family, what it does, what its witness counts, when it goes away, and its forms
FAULTS = {
    "registry_down": ("registry", "nothing behind the gateway can be reached", "requests that got 502",
                      "after a few requests", ("transient", "persistent")),
    "registry_slow": ("registry", "every answer comes late and trickles", "answers that were delayed",
                      "after 4 to 12 s", ("transient", "persistent")),
    "wrong_checksum": ("registry", "tarballs are not those that the registry has signed for",
                       "tarballs that were altered", "after a few requests", ("transient", "persistent")),
    "database_stopped": ("database", "the database server is stopped", "connections that were refused",
                         "after 2 to 6 s", ("transient", "persistent")),
    "wrong_password": ("database", "the password is not the role's", "refusals to sign in", "", ("persistent",)),
    "disk_full": ("machine", "no byte can be written any more", "writes that were refused", "when the phase has failed",
                  ("transient", "persistent")),
    "failing_migration": ("deployment", "a migration raises", "migrations that raised", "", ("persistent",)),
    "sigterm": ("suite", "SIGTERM while the run is at work", "the signal was sent to the run", "one signal",
                ("transient", "persistent")),
    "two_runs": ("suite", "a second run of the same name begins", "the second run was refused", "one run",
                 ("transient",)),
}  # fmt: skip
MIX = frozenset(tomllib.loads(FILE.read_text(encoding="utf-8")))
PHASES = ("packages", "database", "ash_core", "authentication", "migrations")
_PROMISES = {"transient": ["deployed", "rolled_back"], "persistent": ["rolled_back", "refused"]}
_CHANCES = {"realistic": 0.9, "incremental": 0.85, "ambitious": 0.35}


def campaign(trials: Sequence[Mapping[str, Any]] = (), **facts: Any) -> dict[str, Any]:
    """The data of a campaign with these trials."""
    usual: dict[str, Any] = {
        "schema": 1, "run": "20260101-120000-c0ffee", "started": "2026-01-01T12:00:00Z", "seed": 7,
        "source": {"kind": "rehearsal", "detail": "default"}, "forge": "container", "database": "container",
        "phases": list(PHASES), "rehearsal": True, "population": "rehearsal:default", "paths": list(PATHS),
        "planned": len(trials), "seconds": 5400.0,
        "left_out": {"read_only": "it mounts file systems, which only root may"},
        "decoys": ["folders and a repository beside the deployment, named almost like it"],
        "faults": {
            name: {"family": family, "text": text, "bites": bites, "lasts": lasts}
            for name, (family, text, bites, lasts, _) in FAULTS.items()
        },
        "mix": as_rows(load_troubles(known=MIX)), "trials": list(trials),
    }  # fmt: skip
    return {**usual, **facts}


def row(
    expected: Sequence[str] = (), repeat: str = "", *, of: Mapping[str, Any] | None = None, **facts: Any
) -> dict[str, Any]:
    """A trial's row; `of` are facts of its specification, the others of its result."""
    made = as_row(result(trial(**(of or {})), **facts))
    command = f"pytest --source=rehearsal --path={made['specification']['path']} --seed=1 --keep=never"
    return {**made, "expected": list(expected), "repeat": repeat or command}


def many(blocks: int = 55, seed: int = 1) -> dict[str, Any]:
    """About two hundred trials of every kind: with faults, void, unexpected, kills and control."""
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for block in range(blocks):
        name = rng.choice(tuple(FAULTS))
        family, _, bites, _, forms = FAULTS[name]
        form, phase, own = rng.choice(forms), rng.choice(PHASES), rng.getrandbits(31)
        for path in PATHS:
            of = {"fault": name, "family": family, "form": form, "group": phase, "phase": phase, "block": block,
                  "path": path, "seed": own, "number": len(rows) + 1}  # fmt: skip
            good = form == "transient" and rng.random() < _CHANCES[path]
            came = "deployed" if good else "dirty" if path == "ambitious" else "rolled_back"
            bit = rng.random() < 0.95
            rows.append(row(
                () if path == "ambitious" else _PROMISES[form], of=of, outcome=came if bit else "void",
                settled=came if bit else "void", bites=rng.randint(1, 5) if bit else 0,
                evidence=(f"{bites}: {rng.randint(1, 3)} during {phase}",) if bit else (),
                cause=None if good else "registry_unreachable", failed_at=None if good else phase,
                left=("folder assets",) if came == "dirty" else (), seconds=rng.uniform(20, 60),
            ))  # fmt: skip
    for path in PATHS:
        for turn in range(8):
            for arm in ("A", "B"):
                good = path != "ambitious" or rng.random() < 0.7
                rows.append(row(
                    ["deployed"] if path != "ambitious" else (), seconds=40.0, bites=0, evidence=(), cause=None,
                    failed_at=None,
                    of={"kind": "control", "fault": "", "family": "", "form": "", "group": "", "phase": "",
                        "path": path, "arm": arm, "seed": turn, "number": len(rows) + 1, "block": 1000 + turn},
                    outcome="deployed" if good else "dirty", settled="deployed" if good else "dirty",
                ))  # fmt: skip
        for turn in range(6):
            missed = turn == 5
            rows.append(row(
                ["rolled_back", "refused", "deployed"] if path != "ambitious" else (), seconds=15.0,
                recovery_seconds=2.0,
                of={"kind": "kills", "fault": "sigkill", "family": "suite", "group": "", "phase": "", "path": path,
                    "at": round(turn * 6.3, 2), "seed": 100 + turn, "number": len(rows) + 1, "block": 2000 + turn},
                outcome="deployed" if missed else "killed", settled="deployed" if missed else "rolled_back",
                bites=0 if missed else 1, evidence=() if missed else ("SIGKILL",), cause="killed",
                changed=("left behind: process 4711",) if turn == 2 and path == "incremental" else (),
            ))  # fmt: skip
    return campaign(rows)
