"""`python -m rollout.bench [--samples=3] [OPTIONS OF A RUN]`: runs the benchmark and writes `reports/bench.json`.

It always measures rehearsals. It also measures real packages if `--source`, hexpm or a default bundle provides them.
The report holds the raw samples of every number. Exit codes: 0 if the report was written, even if targets are missed;
1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

import rollout
from rollout.bench.lookups import PACKAGES, compare
from rollout.bench.runs import Measured, measure
from rollout.config.flags import FLAGS, arguments
from rollout.config.options import Options, parse_options
from rollout.errors import RolloutError
from rollout.hex.http_client import make_client
from rollout.hex.sources import is_rehearsal
from rollout.hex.upstreams import SelectedSource, Upstreams, choose_git, choose_npm, choose_source
from rollout.installation import program
from rollout.rehearsal import load_scenario, registry_folder
from rollout.site.engine.client import Engine
from rollout.site.engine.discovery import find_engine
from rollout.text.standard_streams import make_outputs_safe

TARGETS = {"overhead_rehearsal": 0.03, "overhead_real": 0.01, "lookup_speedup": 10.0, "second_run_ratio": 0.2}
_AT_LEAST = {"lookup_speedup"}
_SHARED = ("forge", "database", "assets")
_REAL_ONLY = ("source_key", "git_source")


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    make_outputs_safe()
    given = _parser().parse_args(argv)
    try:
        options = parse_options(lambda name: getattr(given, name.replace("-", "_")))
        report = bench(options, samples=given.samples, real_samples=given.real_samples)
    except RolloutError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    options.reports.mkdir(parents=True, exist_ok=True)
    target = options.reports / "bench.json"
    target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for line in summary(report):
        print(line)
    print(f"Written: {target}")
    return 0


def bench(options: Options, *, samples: int, real_samples: int) -> dict[str, Any]:
    """Take every measurement. Returns the report as data. Raises RolloutError."""
    found = find_engine()
    engine = found if isinstance(found, Engine) and options.forge != "host" else None
    with tempfile.TemporaryDirectory(prefix="xavos-bench-") as folder:
        home = Path(folder)
        shared = options.as_arguments(*_SHARED)
        rehearsed = _first_and_second(home / "rehearsal", (*arguments(source="rehearsal"), *shared), samples)
        chosen = _real(options)
        real: list[tuple[Measured, Measured]] = []
        if chosen is not None and real_samples:
            source = arguments(source=_by_name(options, chosen))
            same = options.as_arguments(*_REAL_ONLY, *_SHARED)
            real = _first_and_second(home / "real", (*source, *same), real_samples)
        selected = chosen or _rehearsal(options, home / "rehearsal" / "1" / "cache")
        upstreams = Upstreams(
            hex=selected.source,
            npm=choose_npm(selected.source, client=make_client()),
            git=choose_git(options.git_source if chosen else "auto", source=selected.source),
        )
        (home / "look-up").mkdir()
        pairs = compare(upstreams, engine=engine, home=home / "look-up", samples=samples)
    ratios = {
        kind: [second.overhead.wall / first.overhead.wall for first, second in runs]
        for kind, runs in (("rehearsal", rehearsed), ("real", real))
        if runs
    }
    return {
        "schema": 1,
        "overhead_rehearsal": _median(first.overhead.share for first, _ in rehearsed),
        "overhead_real": _median(first.overhead.share for first, _ in real),
        "lookup_speedup": _median(pair.speedup for pair in pairs),
        "second_run_ratio": _median(ratios.get("real") or ratios["rehearsal"]),
        "samples": {
            "overhead_rehearsal": [first.as_data() for first, _ in rehearsed],
            "overhead_real": [first.as_data() for first, _ in real],
            "lookup_speedup": [
                {"mix": round(p.mix, 4), "ours": round(p.ours, 4), "speedup": round(p.speedup, 1)} for p in pairs
            ],
            "second_run_ratio": [
                {"source": first.source, "first": first.as_data(), "second": second.as_data(),
                 "ratio": round(second.overhead.wall / first.overhead.wall, 4)}
                for first, second in (*rehearsed, *real)
            ],
        },
        "second_run_ratio_by_source": {kind: _median(values) for kind, values in ratios.items()},
        "targets": TARGETS,
        "lookup": {"packages": list(PACKAGES), "source": selected.source.kind},
        "real": {"source": chosen.source.kind, "detail": chosen.source.description} if chosen else None,
        "machine": _machine(found),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def summary(report: dict[str, Any]) -> tuple[str, ...]:
    """One line for each number: its name, its target, and whether the target is met."""
    lines = []
    for key, target in TARGETS.items():
        value = report[key]
        if value is None:
            lines.append(f"{key}: not measured (no real packages here)")
            continue
        met = value >= target if key in _AT_LEAST else value <= target
        bound = f"{'at least' if key in _AT_LEAST else 'at most'} {target:g}"
        lines.append(f"{key}: {value:g} (target: {bound}; {'met' if met else 'MISSED'})")
    return tuple(lines)


def _first_and_second(home: Path, given: tuple[str, ...], samples: int) -> list[tuple[Measured, Measured]]:
    """Pairs of runs: the first with an empty cache, the second with the cache of the first."""
    pairs = []
    for number in range(1, samples + 1):
        place = home / str(number)
        pair = measure(place, arguments=given), measure(place, arguments=given)
        print(f"{given[0]}, {number} of {samples}: first {pair[0].overhead.wall:.1f} s "
              f"(overhead {pair[0].overhead.share:.1%}), second {pair[1].overhead.wall:.1f} s", flush=True)  # fmt: skip
        pairs.append(pair)
    return pairs


def _real(options: Options) -> SelectedSource | None:
    """The source of real packages that the options select; None if they select a rehearsal."""
    chosen = _choose(options, options.source, options.cache)
    return None if is_rehearsal(chosen.source) else chosen


def _rehearsal(options: Options, cache: Path) -> SelectedSource:
    return _choose(options, "rehearsal", cache)


def _choose(options: Options, source: str, cache: Path) -> SelectedSource:
    return choose_source(
        source, client=make_client(), cache=cache, state=options.state, key_file=options.source_key,
        rehearsal=registry_folder(load_scenario(options.scenario), cache / "rehearsal"),
    )  # fmt: skip


def _by_name(options: Options, chosen: SelectedSource) -> str:
    """The source as a value of `--source` that does not depend on the cache folder."""
    if options.source != "auto":
        return options.source
    origin = getattr(getattr(chosen.source, "bundle", None), "origin", None)
    return f"bundle:{origin}" if origin is not None else chosen.source.kind



def _median(values: Any) -> float | None:
    found = list(values)
    return round(statistics.median(found), 5) if found else None


def _machine(engine: object) -> dict[str, Any]:
    return {
        "os": platform.platform(),
        "cpus": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": platform.python_version(),
        "rollout": rollout.__version__,
        "engine": f"{engine.kind} {engine.version}" if isinstance(engine, Engine) else None,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program("rollout.bench", "bench"), description="Measure the suite.")
    parser.add_argument("--samples", type=int, default=3, help="pairs of rehearsals, and rounds of the look-up")
    parser.add_argument("--real-samples", type=int, default=1, help="pairs of runs on real packages")
    for flag in FLAGS:
        if flag.metavar is not None:
            parser.add_argument(flag.option, metavar=flag.metavar, help=flag.help)
    parser.set_defaults(**{flag.keyword: None for flag in FLAGS})
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
