"""Builds JavaScript and CSS with esbuild and tailwind from npm, or else installs the plain assets of an overlay."""

from __future__ import annotations

from rollout.phases.step import Step

_OVERLAY = "assets_"
OVERLAYS = (f"{_OVERLAY}npm", f"{_OVERLAY}plain")
"""One of them is laid, whatever the plan says."""


def choose(step: Step) -> None:
    """Choose `npm` or `plain`, note the reason, and apply the overlay of the choice."""
    site = step.site
    kind, why = site.options.assets, "--assets says so"
    if kind == "auto":
        kind, why = _automatic(step)
    step.facts["assets"] = kind
    step.note(f"Assets: {kind}, because {why}.")
    step.lay(f"{_OVERLAY}{kind}")


def _automatic(step: Step) -> tuple[str, str]:
    site = step.site
    if site.source.kind == "rehearsal":
        return "plain", "a rehearsal has no bundler"
    if site.gateway is not None and all(site.gateway.has_npm_package(tool) for tool in ("esbuild", "tailwindcss")):
        return "npm", "the npm registry responds"
    return "plain", "the npm registry cannot be reached"


def set_up(step: Step) -> None:
    """Install the tools and build, with `npm`. With `plain` there is nothing to do."""
    if step.facts["assets"] == "npm":
        step.must_retrying("mix", "assets.setup", label="mix assets.setup", deadline=300)
        build(step)


def build(step: Step) -> None:
    """Build the assets again. Tailwind includes only the CSS classes that the sources use now."""
    if step.site.file("assets/node_modules").is_dir():
        step.must("mix", "assets.build", label="mix assets.build", deadline=180)
