"""JavaScript and CSS: built by esbuild and tailwind where the npm registry can be had, else served as shipped."""

from __future__ import annotations

from rollout.phases.step import Step


def choose(step: Step) -> None:
    """Decide `npm` or `plain`, say which and why, and lay the overlay of the choice."""
    site = step.site
    kind, why = site.options.assets, "asked for"
    if kind == "auto":
        kind, why = _automatic(step)
    step.facts["assets"] = kind
    step.note(f"Assets: {kind}, because {why}.")
    step.overlay(f"assets_{kind}")


def _automatic(step: Step) -> tuple[str, str]:
    site = step.site
    if site.source.kind == "rehearsal":
        return "plain", "a rehearsal has no bundler"
    if site.gateway is not None and all(site.gateway.has_npm_package(tool) for tool in ("esbuild", "tailwindcss")):
        return "npm", "the npm registry answers"
    return "plain", "the npm registry cannot be reached"


def set_up(step: Step) -> None:
    """Install the tools (`npm`), then build; nothing to do for `plain`."""
    if step.facts["assets"] == "npm":
        step.must_retrying("mix", "assets.setup", label="mix assets.setup", deadline=300)
        build(step)


def build(step: Step) -> None:
    """Build again: tailwind keeps only the classes that it finds in the sources of this moment."""
    if step.site.file("assets/node_modules").is_dir():
        step.must("mix", "assets.build", label="mix assets.build", deadline=180)
