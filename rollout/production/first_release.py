"""Makes release A from another revision of the application, or from an image, and the migrations that B starts from.

The migrations of a deployment are generated from its resources. So B's have to continue those of A: its migrations and
the snapshots of its resources are put in the place of the generated ones, and Ash makes what B has more.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rollout.application import APPLICATION
from rollout.assembly import File, Manifest, load, write
from rollout.config.options import ROOT
from rollout.errors import PostconditionFailed
from rollout.phases.step import EDITED, Step
from rollout.production.predecessor import LAID, Predecessor
from rollout.production.release import FOLDER, INSIDE, build, find
from rollout.site.engine.client import RUN_LABEL
from rollout.site.engine.errors import engine_request
from rollout.site.git_folder import git_output
from rollout.site.store.tree_removal import remove_tree

_SCRATCH = ".home/from"
_GENERATED = ("priv/repo/migrations", "priv/resource_snapshots")
"""What the generator makes, below the application and below that of a release."""
_KEPT = ".formatter.exs"  # beside the migrations


def build_revision(step: Step, label: str, earlier: Predecessor, generate: Callable[[Step], None]) -> None:
    """Build a release of another revision. `generate` makes all migrations from the resources.

    The application's folder is that of the revision afterwards. Raises PhaseFailed.
    """
    theirs, ours = _extract(step, earlier), load()
    _require_same_edits(step, ours, theirs)
    for folder in _GENERATED:
        for old in step.site.file(folder).glob("*"):
            if old.name != _KEPT:
                remove_tree(old)
    changed = _lay(step, theirs, instead_of=ours)
    step.note(f"Release {label.upper()} is revision {earlier.identity[:12]}, which differs in {len(changed)} files of "
              "the application. It has the packages of this plan.")  # fmt: skip
    generate(step)
    build(step, label)


def lay_current(step: Step, earlier: Predecessor) -> None:
    """Put the files of this checkout in the place of those of a revision."""
    _lay(step, load(), instead_of=_extract(step, earlier))


def take_image(step: Step, label: str, earlier: Predecessor) -> None:
    """Copy the release out of an image, and its migrations into the application. Raises PostconditionFailed."""
    target = step.site.file(f"{FOLDER}/{label}")
    remove_tree(target)
    with tarfile.open(fileobj=io.BytesIO(_archive(step, earlier))) as archive:
        archive.extractall(target.parent / f"{label}.new", filter="data")
    (target.parent / f"{label}.new" / Path(INSIDE).name).rename(target)
    remove_tree(target.parent / f"{label}.new")
    release = find(target, label)
    (home,) = release.folder.glob(f"lib/{APPLICATION.app}-{release.version}")
    for folder in _GENERATED:
        if (home / folder).is_dir():
            remove_tree(step.site.file(folder))
            shutil.copytree(home / folder, step.site.file(folder))
    if not release.migrations:
        raise PostconditionFailed(expected=f"migrations in the release of {earlier.name}", found="none")
    step.note(f"Release {label.upper()} is version {release.version} of the image {earlier.name}.")


def _archive(step: Step, earlier: Predecessor) -> bytes:
    """A tar of the release in an image. The container that it is read from never runs."""
    site = step.site
    assert site.engine is not None, "an image needs an engine"
    name = f"xavos-{site.run.id}-from"
    with (
        step.act(f"read image {earlier.name}", {"kind": "container", "name": name, "run": site.run.id}),
        engine_request(f"read image {earlier.name}"),
    ):
        container = site.engine.client().containers.create(
            earlier.name, ["true"], name=name, labels={RUN_LABEL: site.run.id}
        )
        try:
            chunks, _ = container.get_archive(INSIDE)
            return b"".join(chunks)
        finally:
            container.remove(force=True)


def _extract(step: Step, earlier: Predecessor) -> Manifest:
    """The overlays of a revision. Their files are in a temporary folder of the site."""
    scratch = step.site.directory / _SCRATCH
    remove_tree(scratch)
    scratch.mkdir(parents=True)
    file = scratch.with_suffix(".tar")
    made = git_output(ROOT, "archive", "--format=tar", f"--output={file}", earlier.identity, *LAID)
    if made is None:
        raise PostconditionFailed(expected=f"an archive of {earlier.identity[:12]}", found="git archive has failed")
    with tarfile.open(file) as archive:
        archive.extractall(scratch, filter="data")
    file.unlink()
    return load(scratch)


def _lay(step: Step, new: Manifest, *, instead_of: Manifest) -> tuple[str, ...]:
    """Put the files of a manifest's overlays in the place of those of another one. Returns those that differ."""
    names = step.plan.laid_before(step.phase, step.passed)
    there, files = (_laid_by(manifest, names) for manifest in (instead_of, new))
    missing = [path for path in files if not step.site.file(path).exists()]
    changed = {path for path in there.keys() | files.keys() if there.get(path) != files.get(path)}
    edited = {path for manifest in (instead_of, new) for path in _edited(manifest, names)}
    if both := sorted(changed & edited):
        raise PostconditionFailed(
            expected="revisions that differ in no file that is laid and edited", found=", ".join(both)
        )
    for path in sorted(changed.union(missing)):
        if path in files:
            write(step.site.file(path), files[path])
        else:
            step.site.file(path).unlink(missing_ok=True)
    remove_tree(step.site.directory / _SCRATCH)
    return tuple(sorted(changed))


def _require_same_edits(step: Step, ours: Manifest, theirs: Manifest) -> None:
    """Generated files were edited as this checkout does it. A revision that edits them otherwise would be a mixture."""
    names = step.plan.laid_before(step.phase, step.passed)
    made, wanted = ({file.name: file.read_bytes() for file in each.edits_of(names)} for each in (ours, theirs))
    different = sorted(name for name in made.keys() | wanted.keys() if made.get(name) != wanted.get(name))
    if different:
        remove_tree(step.site.directory / _SCRATCH)
        raise PostconditionFailed(
            expected="a revision that edits generated files as this checkout does, or an image of it",
            found=f"other edits: {', '.join(different)}",
        )


def _laid_by(manifest: Manifest, names: Sequence[str]) -> Mapping[str, File]:
    return manifest.laid_by(tuple(name for name in names if name in manifest.overlays))


def _edited(manifest: Manifest, names: Sequence[str]) -> Iterator[str]:
    """The files that edits of these overlays change after they were generated or laid."""
    for file in manifest.edits_of(names):
        yield from EDITED.findall(file.read_text(encoding="utf-8"))
