"""Hex's own solver, asked thousands of times: one Elixir process in the forge that stays (rollout/elixir/solve.exs)."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence

from rollout.config.options import ROOT
from rollout.hex.etf import Term, encode_term
from rollout.packages.blame.errors import RegistryDoubtful, SolverBroken
from rollout.packages.blame.requirements import CORE, Answer, Wanted
from rollout.packages.blame.scratch_project import Scratch
from rollout.process import Dialogue, DialogueEnded

SCRIPT = ROOT / "rollout" / "elixir" / "solve.exs"
_QUESTIONS = "questions"
_PATIENCE = 120.0  # seconds for one answer: the first ones wait for the registry
_LONGEST = 3600.0
_IDLE = 900  # seconds without a question after which it ends by itself: nobody is left who would ask


class HexSolver:
    """A Solver. `trouble` says what the gateway saw go wrong upstream since the start; None where nothing did."""

    def __init__(self, dialogue: Dialogue, questions: int, trouble: Callable[[], str | None]) -> None:
        self._dialogue = dialogue
        self._questions = questions
        self._trouble = trouble
        self._numbers = itertools.count(1)
        self._known: dict[tuple[frozenset[Wanted], frozenset[str]], Answer] = {}

    def await_start(self) -> None:
        """Returns once it listens. Raises SolverBroken."""
        self._heard()

    def ask(self, sets: Sequence[tuple[Wanted, ...]], overrides: frozenset[str]) -> tuple[Answer, ...]:
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

    def declared(self, folder: str) -> tuple[Wanted, ...]:
        """What the mix.exs in a folder (as the forge sees it) asks Hex for. Raises SolverBroken."""
        (words,) = self._answers([{"ask": "declared", "folder": folder}])
        return tuple(_declared(each) for each in words[2:])

    def _answers(self, questions: Sequence[dict[str, Term]]) -> list[list[str]]:
        """The words of each answer: verdict, microseconds, and what follows."""
        numbers = [next(self._numbers) for _ in questions]
        lines = b"".join(
            base64.b64encode(encode_term({"id": number, **question})) + b"\n"
            for number, question in zip(numbers, questions, strict=True)
        )
        _write(self._questions, lines)
        answers: dict[int, list[str]] = {}
        while len(answers) < len(numbers):
            number, words = self._heard()
            answers[number] = words
        trouble = self._trouble()
        if trouble is not None:
            raise RegistryDoubtful(trouble=trouble)
        broken = next((words for words in answers.values() if words[0] == "broken"), None)
        if broken is not None:
            raise SolverBroken(why=_text(broken[2]))
        return [answers[number] for number in numbers]

    def _heard(self) -> tuple[int, list[str]]:
        """The next answer; whatever else Hex prints is in the log."""
        while True:
            try:
                line = self._dialogue.line(patience=_PATIENCE)
            except DialogueEnded as error:
                raise SolverBroken(why=error.message) from error
            if line.startswith("@"):
                number, *words = line[1:].split()
                return int(number), words


@contextlib.contextmanager
def hex_solver(scratch: Scratch) -> Iterator[HexSolver]:
    """Start the solver in the forge; its files are in the scratch folder. Raises SolverBroken."""
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
                raise SolverBroken(why=error.message) from error
            solver = HexSolver(dialogue, file, stack.enter_context(scratch.step.watching_gateway()))
            solver.await_start()
            yield solver
            _write(file, b"end\n")
    finally:
        os.close(file)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _answer(words: Sequence[str]) -> Answer:
    verdict, microseconds, *rest = words
    seconds = int(microseconds) / 1e6
    if verdict == "ok":
        return Answer(solution=dict(zip(rest[::2], rest[1::2], strict=True)), seconds=seconds)
    return Answer(words=_text(rest[0]), unknown=tuple(rest[1:]), seconds=seconds)


def _declared(encoded: str) -> Wanted:
    name, requirement, only, override = _text(encoded).split("\n")
    environments = tuple(filter(None, only.split(",")))
    return Wanted(name=name, requirement=requirement, origin=CORE, override=override == "true", only=environments)


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")
