"""Removes test-only packages whose precompiled native part cannot be downloaded from GitHub.

phx.new adds lazy_html to the test environment. Its native part is downloaded from a hard-coded GitHub address, which
neither a mirror nor a bundle replaces. Without the download the test environment does not compile. Without the package,
XAVOS' own tests of live pages are skipped with that reason. The browser checks test those pages anyway.
"""

from __future__ import annotations

from rollout.phases.step import Step

TEST_ONLY = ("lazy_html",)


def remove_unavailable(step: Step) -> None:
    """Compile each package for the test environment. Where that fails, remove it from mix.exs and note it."""
    listed = step.edit("list-deps", "mix.exs").tail
    declared = {line.split("\t")[0] for line in listed.splitlines()}
    for package in TEST_ONLY:
        if package not in declared:
            continue
        # With its children: Mix considers them outdated otherwise, and the compilation fails.
        tried = step.run("mix", "deps.compile", package, "--include-children", env={"MIX_ENV": "test"},
                         label=f"native part of {package}", deadline=300)  # fmt: skip
        if tried.ok:
            continue
        step.edit("remove-dep", "mix.exs", package)
        step.note(
            f"{package} (tests only) is left out: its native part could not be downloaded. Tests of pages are skipped."
        )
