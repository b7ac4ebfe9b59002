"""The sentences about a verdict, shared by console, page and summary."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.results.outcomes import PathVerdict, PhaseVerdict, Verdict
from rollout.text.plain import counted, duration, line

REHEARSAL = "Rehearsal: stand-in packages. XAVOS was not deployed."
PHASE_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "refused": "refused",
    "blocked": "blocked",
    "interrupted": "interrupted",
    "not_reached": "not reached",
}


def path_sentence(judged: Verdict, path: PathVerdict) -> str:
    """The outcome of a path in one sentence, or two."""
    name, time = line(path.name, 80), duration(path.seconds)
    if path.outcome == "deployed":
        return _deployed(judged, path, time)
    if path.outcome == "void":
        return f"The {name} path proves nothing: a fault that was to be injected never bit."
    if path.outcome == "refused":
        return f"The {name} path was refused{_at(path)}; nothing was changed."
    failed = f"The {name} path {_verb(judged, path)}{_at(path)} after {time}"
    if path.kept:
        left = f" and left {counted(len(path.residue), 'thing')} behind" if path.residue else ""
        return f"{failed}{left}; its site is kept as it is, until `make undeploy` removes it."
    if path.outcome == "rolled_back":
        return f"{failed}; everything was rolled back, and the state before is proven restored."
    if path.observed and path.residue:
        what = counted(len(path.residue), "thing")
        return f"{failed} and left {what} behind, which it did not take back; its site is disposed of."
    if path.residue:
        return f"{failed}; {counted(len(path.residue), 'thing')} could not be removed and stayed behind."
    return f"{failed}; what it made is still there, until `pytest --recover` undoes it."


def badge(judged: Verdict, path: PathVerdict) -> str:
    """The outcome as a word for people: a rehearsal is never called deployed."""
    if judged.rehearsal and path.outcome == "deployed":
        return "rehearsed"
    return line(path.outcome, 20).replace("_", " ")


def exit_sentence(judged: Verdict, gate: Sequence[str]) -> str:
    """What the exit code says, and which paths decided it."""
    if judged.exit_code is None:
        return "The run was killed: its journal has no end, and there is no exit code."
    code = f"Exit code {judged.exit_code}"
    if judged.interrupted:
        return f"{code}: the run was interrupted by {judged.signal or 'a signal'}."
    gating = [path for path in judged.paths if path.name in gate]
    others = [path.name for path in judged.paths if path.name not in gate]
    if not gating:
        return f"{code}: {line(judged.reason, 300) or 'no path was begun'}."
    standing = "; ".join(f"{line(path.name, 80)} is {_standing(judged, path)}" for path in gating)
    if not others:
        return f"{code}: {standing}."
    good = all(path.outcome == "deployed" and not path.checks.failed and not path.unmet for path in gating)
    met = "is met" if good else "is not met"
    return f"{code}: the gate {met}, {standing}. {_listed(others)}: compared, not gating."


def _standing(judged: Verdict, path: PathVerdict) -> str:
    """`deployed with every check passed`, `deployed, 1 check failed`, `rolled back`; what no check was asked of."""
    word = badge(judged, path)
    if path.checks.failed and path.outcome == "deployed":
        return f"{word}, {counted(path.checks.failed, 'check')} failed"
    if path.outcome == "deployed" and path.unmet:
        return f"{word}, but {_listed(path.unmet)} never answered, which --require asks for"
    if path.outcome == "deployed" and path.unanswered:
        return f"{word} with every check passed that was asked; never answered: {_listed(path.unanswered)}"
    return f"{word} with every check passed" if path.outcome == "deployed" and not path.checks.blocked else word


def headline(judged: Verdict) -> str:
    """The whole run in a few words: `1 of 3 paths deployed`."""
    if not judged.paths:
        return "No path was begun"
    word = "rehearsed" if judged.rehearsal else "deployed"
    good = sum(path.outcome == "deployed" for path in judged.paths)
    if len(judged.paths) == 1:
        return f"{line(judged.paths[0].name, 80)}: {badge(judged, judged.paths[0])}"
    return f"{good} of {len(judged.paths)} paths {word}"


def phase_words(phase: PhaseVerdict) -> str:
    """`passed`, `passed, restored from a checkpoint`, `passed after 2 attempts`, `failed`."""
    words = PHASE_WORDS.get(phase.outcome, line(phase.outcome, 40))
    if phase.restored:
        words += ", restored from a checkpoint"
    if phase.attempts > 1:
        words += f" after {phase.attempts} attempts"
    return words + (" (optional)" if phase.optional and phase.outcome != "passed" else "")


def rollback_words(phase: PhaseVerdict) -> str:
    """`restored in 1.5 s`, `dirty: 2 things left`, `did not finish`, or "" where nothing was rolled back."""
    back = phase.rollback
    if back is None:
        return ""
    if back.outcome == "restored":
        return f"restored in {duration(back.seconds)}"
    if back.outcome == "unfinished":
        return "did not finish"
    return f"dirty: {counted(len(back.residue), 'thing')} left"


def checks_words(path: PathVerdict) -> str:
    """`52 checks passed, 1 failed, 3 blocked`."""
    others = (
        (path.checks.failed, "failed"),
        (path.checks.blocked, "blocked"),
        (path.checks.skipped, "skipped"),
    )
    words = [f"{counted(path.checks.passed, 'check')} passed", *(f"{n} {word}" for n, word in others if n)]
    return ", ".join(words)


def _deployed(judged: Verdict, path: PathVerdict, time: str) -> str:
    passed = sum(phase.outcome == "passed" for phase in path.phases)
    full = f"{counted(passed, 'phase')} passed in {time}"
    what = f"{line(path.name, 80)} path through {line(path.through, 60)}"
    if judged.rehearsal:
        head = f"The {what} was rehearsed with stand-in packages: {full}; {checks_words(path)}."
    else:
        head = f"XAVOS was deployed on the {what}: {full}; {checks_words(path)}."
    undone = [phase.name for phase in path.phases if phase.optional and phase.outcome == "failed"]
    if undone:
        head += f" The optional phase {_listed(undone)} failed and was undone."
    if path.unanswered:
        head += f" Never answered: {_listed(path.unanswered)} (--require makes them gating)."
    return head


def _verb(judged: Verdict, path: PathVerdict) -> str:
    if path.failure is None or path.failure.cause not in {"killed", "interrupted"}:
        return "failed"
    return "was interrupted" if judged.interrupted else "was killed" if judged.killed else "failed"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(line(name, 80) for name in names)


def _at(path: PathVerdict) -> str:
    if path.failure is None:
        return ""
    where = f" at {line(path.failure.phase, 60)}" if path.failure.phase else ""
    named = path.failure.cause not in {"killed", "interrupted", "unknown"}
    return where + (f" ({line(path.failure.cause, 60)})" if named else "")
