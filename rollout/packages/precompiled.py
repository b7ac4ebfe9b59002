"""Packages whose native part is downloaded, already compiled, from GitHub: kept where that works, else left out.

phx.new asks for lazy_html in the test environment. Its native part comes from a GitHub release, by a hard-coded address
that neither a mirror nor a bundle covers; where it cannot be had, the test environment would not compile at all.
Without it XAVOS' own tests of live pages are skipped, and say so; checks look at those pages in a browser anyway.
"""

from __future__ import annotations

from rollout.phases.step import Step

TEST_ONLY = ("lazy_html",)


def leave_out_what_cannot_be_had(step: Step) -> None:
    """Try each for the test environment; where it fails, take it out of mix.exs and say so in the report."""
    listed = step.edit("list-deps", "mix.exs").tail
    declared = {line.split("\t")[0] for line in listed.splitlines()}
    for package in TEST_ONLY:
        if package not in declared:
            continue
        # Alone it would be compiled beside dependencies that Mix takes for outdated, and fail whatever can be had.
        tried = step.run("mix", "deps.compile", package, "--include-children", env={"MIX_ENV": "test"},
                         label=f"native part of {package}", deadline=300)  # fmt: skip
        if tried.ok:
            continue
        step.edit("remove-dep", "mix.exs", package)
        step.note(f"{package} (tests only) is left out: its native part could not be had. Tests of pages are skipped.")
