"""The sentences and words about outcomes, shared by console, page and summary."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.installation import command
from rollout.results.outcomes import PathVerdict, PhaseVerdict, Verdict
from rollout.text.plain import counted, duration, line

NO_SERVER = "The site is kept, but no server is running."


def rehearsal_words(application: str) -> str:
    """What everybody has to know of a rehearsal, for the title of an application."""
    return f"Rehearsal: stand-in packages. {line(application, 80)} was not deployed."


def in_words(value: str) -> str:
    """An outcome, state or cause as words: `rolled back` for `rolled_back`."""
    return line(value, 40).replace("_", " ")


def path_sentence(judged: Verdict, path: PathVerdict) -> str:
    """The outcome of a path in one or two sentences."""
    name, time = line(path.name, 80), duration(path.seconds)
    if path.outcome == "deployed":
        return _deployed(judged, path, time)
    if path.outcome == "void":
        return f"The {name} path is void: its fault never bit, so the run proves nothing."
    if path.outcome == "refused":
        return f"The {name} path was refused{_at(path)}; nothing was changed."
    failed = f"The {name} path {_verb(judged, path)}{_at(path)} after {time}"
    if path.kept:
        left = f" and left {counted(len(path.residue), 'thing')} behind" if path.residue else ""
        return f"{failed}{left}; its site is kept until `{command('undeploy')}` removes it."
    if path.outcome == "rolled_back":
        return f"{failed}; everything was rolled back, and fingerprints prove that nothing is left."
    if path.observed and path.residue:
        what = counted(len(path.residue), "thing")
        return f"{failed} and left {what} behind; its site was removed afterwards."
    if path.residue:
        return f"{failed}; {counted(len(path.residue), 'thing')} could not be removed."
    return f"{failed}; its changes are still there until `{command('recover')}` undoes them."


def badge(judged: Verdict, path: PathVerdict) -> str:
    """The outcome of a path as a badge. A rehearsal is never called deployed."""
    return "rehearsed" if judged.rehearsal and path.outcome == "deployed" else in_words(path.outcome)


_MOST_WORSE = 5


def exit_sentence(judged: Verdict, gate: Sequence[str]) -> str:
    """The exit code with its reason, and the paths that decided it."""
    if judged.exit_code is None:
        return "The run was killed. Its journal has no end, so there is no exit code."
    code = f"Exit code {judged.exit_code}"
    if judged.interrupted:
        return f"{code}: the run was interrupted by {judged.signal or 'a signal'}."
    return f"{_decided(judged, gate, code)}{_compared(judged)}"


def _compared(judged: Verdict) -> str:
    """What became worse since the baseline; "" without one."""
    if judged.baseline is None:
        return ""
    since, worse = f"since the baseline, {line(judged.baseline['run'], 80)}", judged.baseline["worse"]
    if not worse:
        return f" Nothing became worse {since}."
    more = f"; and {len(worse) - _MOST_WORSE} more" if len(worse) > _MOST_WORSE else ""
    return f" Became worse {since}: {'; '.join(line(each, 200) for each in worse[:_MOST_WORSE])}{more}."


def _decided(judged: Verdict, gate: Sequence[str], code: str) -> str:
    """The exit code and the paths that decided it."""
    gating = [path for path in judged.paths if path.name in gate]
    others = [path.name for path in judged.paths if path.name not in gate]
    if not gating:
        return f"{code}: {line(judged.reason, 300) or 'no path was started'}."
    results = "; ".join(f"{line(path.name, 80)} is {_result(judged, path)}" for path in gating)
    if not others:
        return f"{code}: {results}."
    good = all(path.outcome == "deployed" and not path.checks.failed and not path.unmet for path in gating)
    met = "is met" if good else "is not met"
    return f"{code}: the gate {met}, {results}. Compared, not gating: {_listed(others)}."


def _result(judged: Verdict, path: PathVerdict) -> str:
    """`deployed with every check passed`, `deployed, 1 check failed`, `rolled back`; groups without a result."""
    word = badge(judged, path)
    if path.checks.failed and path.outcome == "deployed":
        return f"{word}, {counted(path.checks.failed, 'check')} failed"
    if path.outcome == "deployed" and path.unmet:
        return f"{word}, but --require needs groups without a passed check: {_listed(path.unmet)}"
    if path.outcome == "deployed" and path.unanswered:
        return f"{word} with no check failed; groups without a result: {_listed(path.unanswered)}"
    return f"{word} with every check passed" if path.outcome == "deployed" and not path.checks.blocked else word


def headline(judged: Verdict) -> str:
    """The result of the run in a few words: `1 of 3 paths deployed`."""
    if not judged.paths:
        return "No path was started"
    word = "rehearsed" if judged.rehearsal else "deployed"
    good = sum(path.outcome == "deployed" for path in judged.paths)
    if len(judged.paths) == 1:
        return f"{line(judged.paths[0].name, 80)}: {badge(judged, judged.paths[0])}"
    return f"{good} of {len(judged.paths)} paths {word}"


def phase_words(phase: PhaseVerdict) -> str:
    """`passed`, `passed, restored from a checkpoint`, `passed after 2 attempts`, `failed`."""
    words = in_words(phase.outcome)
    if phase.restored:
        words += ", restored from a checkpoint"
    if phase.attempts > 1:
        words += f" after {phase.attempts} attempts"
    return words + (" (optional)" if phase.optional and phase.outcome != "passed" else "")


def rollback_words(phase: PhaseVerdict) -> str:
    """`restored in 1.5 s`, `dirty: 2 things left`, `did not finish`, or "" without a rollback."""
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
        head = f"{line(judged.application, 80)} was deployed on the {what}: {full}; {checks_words(path)}."
    undone = [phase.name for phase in path.phases if phase.optional and phase.outcome == "failed"]
    if undone:
        head += f" The optional phase {_listed(undone)} failed and was undone."
    if path.unanswered:
        head += f" Groups without a result: {_listed(path.unanswered)} (--require makes them gating)."
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
