"""Finds the release that an upgrade begins with, where the user names another one than the first of the pair.

It is a Git revision of this checkout, whose app/ is laid over the application, or an image that the engine has or
pulls.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import docker.errors
import requests

from rollout.config.flags import option
from rollout.config.options import ROOT
from rollout.errors import RolloutError
from rollout.installation import IS_CHECKOUT
from rollout.site.engine.base_image import pull
from rollout.site.engine.client import Engine
from rollout.site.git_folder import git_output

LAID = ("app", "assembly")
"""The folders of the checkout that decide what a revision of the application is."""


class PredecessorMissing(RolloutError):
    """`--from` names nothing that can be deployed here."""

    cause = "image_missing"

    def __init__(self, *, name: str, why: str) -> None:
        super().__init__(
            f"{option('from')}={name} is neither a Git revision of this checkout nor an image: {why}.",
            advice="Name a revision that has app/ and assembly/, or an image with a release at /app.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """What release A is made from. `kind`: revision or image. `identity`: its commit, or the id of the image.

    `contents` identifies what is laid: two commits with the same application have the same.
    """

    name: str
    kind: str
    identity: str
    contents: str


_CHECKOUT = ROOT if IS_CHECKOUT else None  # an installed suite may lie in somebody else's repository


def find_predecessor(name: str, engine: Engine | None, *, root: Path | None = _CHECKOUT) -> Predecessor:
    """The revision, else the image of this name; a missing image is pulled. Raises PredecessorMissing.

    `root`: the checkout; None for a suite that is installed, which has no revisions.
    """
    commit = git_output(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") if root else None
    if root is not None and commit is not None:
        trees = [git_output(root, "rev-parse", "--verify", "--quiet", f"{name}:./{folder}") for folder in LAID]
        if None in trees:
            raise PredecessorMissing(name=name, why=f"the revision has no {' and '.join(LAID)}")
        contents = " ".join(str(tree).strip() for tree in trees)
        return Predecessor(name=name, kind="revision", identity=commit.strip(), contents=contents)
    if engine is None:
        raise PredecessorMissing(name=name, why="and there is no container engine here that could have one")
    image = _image_id(engine, name)
    return Predecessor(name=name, kind="image", identity=image, contents=image)


def _image_id(engine: Engine, name: str) -> str:
    client, said = engine.client(), ["no such image"]

    def say(text: str) -> None:
        said.append(text.strip())

    try:
        try:
            return str(client.images.get(name).id)
        except docker.errors.ImageNotFound:
            pull(client, name, say)
            return str(client.images.get(name).id)
    except (docker.errors.DockerException, requests.RequestException):
        raise PredecessorMissing(name=name, why=f"the engine has none and could not pull it ({said[-1]})") from None
