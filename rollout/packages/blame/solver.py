"""Client of Hex's solver, which runs in one Elixir process in the forge (rollout/elixir/solve.exs)."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence

from rollout.config.options import ROOT
from rollout.hex.etf import Term, encode_term
from rollout.packages.blame.errors import RegistryInconclusive, SolverFailed
from rollout.packages.blame.requirements import CORE, RootRequirement, SolverAnswer
from rollout.packages.blame.scratch_project import ScratchProject
from rollout.process import Dialogue, DialogueEnded

SCRIPT = ROOT / "rollout" / "elixir" / "solve.exs"
_QUESTIONS = "questions"
_ANSWER_SECONDS = 120.0  # for one answer; the first ones include requests to the registry
_LONGEST = 3600.0
_IDLE = 900  # seconds without a question after which the process ends, for example after a crash of the suite


class HexSolver:
    """A Solver. `problem` returns the upstream failure that the gateway has logged since the start, or None."""

    def __init__(self, dialogue: Dialogue, questions: int, problem: Callable[[], str | None]) -> None:
        self._dialogue = dialogue
        self._questions = questions
        self._problem = problem
        self._numbers = itertools.count(1)
        self._known: dict[tuple[frozenset[RootRequirement], frozenset[str]], SolverAnswer] = {}

    def await_start(self) -> None:
        """Wait until the process is ready. Raises SolverFailed."""
        self._next_answer()

    def ask(self, sets: Sequence[tuple[RootRequirement, ...]], overrides: frozenset[str]) -> tuple[SolverAnswer, ...]:
        keys = [(frozenset(each), overrides) for each in sets]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        questions: list[dict[str, Term]] = [
            {
                "ask": "solve",
                "requirements": [[each.name, each.requirement] for each in sorted(wanted, key=str)],
                "overrides": sorted(overridden),
            }
            for wanted, overridden in new
        ]
        for key, words in zip(new, self._answers(questions), strict=True):
            self._known[key] = _answer(words)
        return tuple(self._known[key] for key in keys)

    def declared(self, folder: str) -> tuple[RootRequirement, ...]:
        """The Hex requirements in the mix.exs of a folder (a path in the forge). Raises SolverFailed."""
        (words,) = self._answers([{"ask": "declared", "folder": folder}])
        return tuple(_declared(each) for each in words[2:])

    def _answers(self, questions: Sequence[dict[str, Term]]) -> list[list[str]]:
        """The words of each answer: verdict, microseconds, and the rest."""
        numbers = [next(self._numbers) for _ in questions]
        lines = b"".join(
            base64.b64encode(encode_term({"id": number, **question})) + b"\n"
            for number, question in zip(numbers, questions, strict=True)
        )
        _write(self._questions, lines)
        answers: dict[int, list[str]] = {}
        while len(answers) < len(numbers):
            number, words = self._next_answer()
            answers[number] = words
        problem = self._problem()
        if problem is not None:
            raise RegistryInconclusive(problem=problem)
        broken = next((words for words in answers.values() if words[0] == "broken"), None)
        if broken is not None:
            raise SolverFailed(why=_text(broken[2]))
        return [answers[number] for number in numbers]

    def _next_answer(self) -> tuple[int, list[str]]:
        """The next answer; whatever else Hex prints is in the log."""
        while True:
            try:
                line = self._dialogue.line(patience=_ANSWER_SECONDS)
            except DialogueEnded as error:
                raise SolverFailed(why=error.message) from error
            if line.startswith("@"):
                number, *words = line[1:].split()
                return int(number), words


@contextlib.contextmanager
def hex_solver(scratch: ScratchProject) -> Iterator[HexSolver]:
    """Start the solver in the forge, with its files in the scratch folder. Raises SolverFailed."""
    script = scratch.place("solve.exs")
    script.write_bytes(SCRIPT.read_bytes())
    file = os.open(scratch.place(_QUESTIONS), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    argv = ("mix", "run", "--no-mix-exs", scratch.seen("solve.exs"), scratch.seen(_QUESTIONS), str(_IDLE))
    try:
        with contextlib.ExitStack() as stack:
            request = scratch.request(*argv, label="ask Hex's solver", deadline=_LONGEST)
            try:
                dialogue = stack.enter_context(Dialogue(request, scratch.launcher, scratch.observer()))
            except DialogueEnded as error:
                raise SolverFailed(why=error.message) from error
            solver = HexSolver(dialogue, file, stack.enter_context(scratch.step.watching_gateway()))
            solver.await_start()
            yield solver
            _write(file, b"end\n")
    finally:
        os.close(file)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _answer(words: Sequence[str]) -> SolverAnswer:
    verdict, microseconds, *rest = words
    seconds = int(microseconds) / 1e6
    if verdict == "ok":
        return SolverAnswer(solution=dict(zip(rest[::2], rest[1::2], strict=True)), seconds=seconds)
    return SolverAnswer(words=_text(rest[0]), unknown=tuple(rest[1:]), seconds=seconds)


def _declared(encoded: str) -> RootRequirement:
    name, requirement, only, override = _text(encoded).split("\n")
    environments = tuple(filter(None, only.split(",")))
    return RootRequirement(
        name=name, requirement=requirement, origin=CORE, override=override == "true", only=environments
    )


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")
