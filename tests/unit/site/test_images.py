"""Image tags by content, and which images are pulled, built or reused, on a fake engine."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from rollout.config.options import ROOT
from rollout.site.engine import base_image, images
from rollout.site.engine.base_image import OWN_BASE, PULLED_BASE, BaseUnavailable
from rollout.site.engine.client import Engine
from rollout.site.engine.images import ImageBuildFailed, ensure_image, image_present, image_tag


class FakeImage:
    def __init__(self, tag: str) -> None:
        self.id = f"sha256:{tag}"
        self.attrs = {"Size": 1_000_000}


class FakeClient:
    """A fake engine. `registry`: tags that can be pulled; `events`: the output of a build.

    `prefix` is what it puts before a name without a registry; only by the whole name an image is found.
    """

    def __init__(self, *, local: tuple[str, ...] = (), registry: tuple[str, ...] = (), prefix: str = "") -> None:
        self.local, self.registry, self.prefix = set(local), registry, prefix
        self.unnamed: set[str] = set()
        self.events: list[dict[str, str]] = [{"stream": "Step 1/1 : FROM x\n"}]
        self.done: list[str] = []
        self.buildargs: Mapping[str, str] = {}
        self.images = self.api = self

    def get(self, tag: str) -> FakeImage:
        if tag not in self.local:
            raise docker.errors.ImageNotFound(tag)
        return FakeImage(tag)

    def pull(self, repository: str, tag: str, **_: object) -> Iterator[dict[str, str]]:
        full = f"{repository}:{tag}"
        self.done.append(f"pull {full}")
        if full not in self.registry:
            raise docker.errors.APIError("no such host")
        self.local.add(f"{self.prefix}{full}")
        yield {"status": "done"}

    def build(self, *, tag: str, buildargs: Mapping[str, str], **_: object) -> Iterator[dict[str, str]]:
        self.done.append(f"build {tag} on {buildargs['BASE']}")
        self.buildargs = buildargs
        yield from self.events
        if not any("error" in event for event in self.events):
            self.local.add(f"{self.prefix}{tag}")

    def import_image_from_stream(self, stream: io.BufferedReader) -> str:
        assert stream.read(257)
        stream.read()
        self.unnamed.add("sha256:0a1b")
        return '{"status":"sha256:0a1b"}\r\n'

    def tag(self, image: str, repository: str, tag: str) -> None:
        assert image in self.unnamed
        self.local.add(f"{self.prefix}{repository}:{tag}")


class FakeEngine(Engine):
    fake: FakeClient

    def client(self) -> Any:
        return self.fake


def on(client: FakeClient, *, kind: str = "docker", url: str = "unix:///var/run/docker.sock") -> Engine:
    engine = FakeEngine(url=url, kind=kind, version="1", rootless=False, os="debian")
    object.__setattr__(engine, "fake", client)
    return engine


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_tag_changes_with_content_name_and_mode_of_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "forge"
    folder.mkdir(parents=True)
    file = folder / "Dockerfile"
    file.write_text("FROM a")
    tags = [image_tag("forge", tmp_path)]
    file.write_text("FROM b")
    tags.append(image_tag("forge", tmp_path))
    file.chmod(0o755)
    tags.append(image_tag("forge", tmp_path))
    file.rename(folder / "Containerfile")
    tags.append(image_tag("forge", tmp_path))

    assert 4 == len(set(tags))
    assert all(tag.startswith("xavos-forge:") and len(tag) == len("xavos-forge:") + 16 for tag in tags)


def test_an_existing_image_is_used_without_further_requests() -> None:
    client = FakeClient(local=(image_tag("forge"),))

    ref = ensure_image(on(client), "forge", say=print)

    assert (image_tag("forge"), False, []) == (ref.tag, ref.built, client.done)
    assert image_present(on(client), "forge")


def test_official_postgres_is_pulled_where_a_registry_answers() -> None:
    client = FakeClient(registry=("postgres:17",))

    ref = ensure_image(on(client), "postgres", say=print)

    assert ("postgres:17", True, ["pull postgres:17"]) == (ref.tag, ref.built, client.done)


def test_postgres_is_built_on_the_local_base_without_a_registry() -> None:
    client = FakeClient(local=(OWN_BASE,))

    ensure_image(on(client), "postgres", say=print)

    assert ["pull postgres:17", f"build {image_tag('postgres')} on {OWN_BASE}"] == client.done


def test_base_is_pulled_before_it_is_made() -> None:
    client = FakeClient(registry=(PULLED_BASE,))

    ensure_image(on(client), "forge", say=print)

    assert [f"pull {PULLED_BASE}", f"build {image_tag('forge')} on {PULLED_BASE}"] == client.done


def test_without_registry_and_root_the_base_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(BaseUnavailable, match="needs root"):
        ensure_image(on(FakeClient()), "forge", say=print)


def test_a_base_from_debootstrap_gets_our_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fake debootstrap that creates one file. The user's debian:trixie-slim is not changed."""
    program = tmp_path / "debootstrap"
    program.write_text('#!/bin/sh\nmkdir -p "$3/etc"; echo trixie > "$3/etc/os"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    client = FakeClient()

    assert OWN_BASE == base_image.ensure_base(on(client), print)
    assert {OWN_BASE} == client.local


@pytest.mark.parametrize("prefix", ["localhost/", "docker.io/library/"])
@pytest.mark.parametrize("name", ["forge", "postgres"])
def test_images_are_found_with_any_prefix_of_the_engine(name: str, prefix: str) -> None:
    there = FakeClient(local=(f"{prefix}{image_tag(name)}",))
    assert image_present(on(there), name)
    assert f"{prefix}{image_tag(name)}" == ensure_image(on(there), name, say=print).tag

    based = FakeClient(local=(f"{prefix}{OWN_BASE}",), prefix=prefix)
    made = ensure_image(on(based), name, say=print)
    assert f"build {image_tag(name)} on {prefix}{OWN_BASE}" in based.done
    assert f"{prefix}{image_tag(name)}" == made.tag


def test_postgres_that_podman_has_pulled_is_found() -> None:
    client = FakeClient(local=("docker.io/library/postgres:17",))

    ref = ensure_image(on(client), "postgres", say=print)

    assert ("docker.io/library/postgres:17", False, []) == (ref.tag, ref.built, client.done)


@pytest.mark.parametrize("there", ["debian:trixie", "localhost/debian:13-slim"])
def test_a_debian_image_of_the_user_is_accepted_as_base(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain user needs no root for that."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    client = FakeClient(local=(there,))

    ensure_image(on(client), "forge", say=print)

    assert [f"build {image_tag('forge')} on {there}"] == client.done


@pytest.mark.parametrize(
    ("kind", "url", "importing"),
    [
        ("docker", "unix:///var/run/docker.sock", "docker"),
        ("docker", "unix:///run/user/1/docker.sock", "env DOCKER_HOST=unix:///run/user/1/docker.sock docker"),
        ("podman", "unix:///run/user/1/podman.sock", "podman --remote --url unix:///run/user/1/podman.sock"),
    ],
)
def test_a_plain_user_gets_one_command_for_his_engine(
    kind: str, url: str, importing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command works: fake programs on PATH record their arguments."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(base_image, "_program", lambda: None)
    with pytest.raises(BaseUnavailable) as caught:
        ensure_image(on(FakeClient(), kind=kind, url=url), "forge", say=print)
    command = str(caught.value).partition("Run: ")[2].partition(". Or deploy without")[0]
    assert command.endswith(f"| {importing} import - {OWN_BASE}")

    for name, script in {
        "sudo": 'exec "$@"', "apt-get": f'echo "apt-get $*" >>{tmp_path}/said', "debootstrap": 'echo trixie >"$3/os"',
        "mktemp": f"mkdir {tmp_path}/root; echo {tmp_path}/root",
        "docker": f'echo "$*" "${{DOCKER_HOST-}}" >>{tmp_path}/said; tar -t >>{tmp_path}/said',
        "podman": f'echo "$*" >>{tmp_path}/said; tar -t >>{tmp_path}/said',
    }.items():  # fmt: skip
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(["sh", "-c", command], check=True, timeout=20)

    said = (tmp_path / "said").read_text()
    assert "apt-get install -y --no-install-recommends debootstrap" in said
    assert f"import - {OWN_BASE}" in said
    assert url in said or kind == importing
    assert "./os" in said
    assert not (tmp_path / "root").exists()


def test_an_engines_own_prefix_is_not_part_of_what_a_checkpoint_depends_on() -> None:
    names = ("xavos-forge:1", "localhost/xavos-forge:1", "docker.io/library/xavos-forge:1")
    assert {"xavos-forge:1"} == {base_image.without_registry(name) for name in names}
    assert "quay.io/xavos-forge:1" == base_image.without_registry("quay.io/xavos-forge:1")


def test_a_failed_build_reports_the_end_of_its_output() -> None:
    client = FakeClient(local=(OWN_BASE,))
    client.events = [{"stream": "E: Unable to locate package elixir\n"}, {"error": "returned a non-zero code: 100"}]

    with pytest.raises(ImageBuildFailed) as caught:
        ensure_image(on(client), "forge", say=print)

    assert "non-zero code: 100" in str(caught.value)
    assert "Unable to locate package elixir" in str(caught.value)


def test_a_pull_without_an_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_image, "_FIRST_EVENT_SECONDS", 0.05)
    said: list[str] = []

    class Silent(FakeClient):
        def pull(self, repository: str, tag: str, **_: object) -> Iterator[dict[str, str]]:
            import time

            time.sleep(0.3)
            yield {}

    assert not base_image.pull(Silent(), "postgres:17", said.append)  # type: ignore[arg-type]
    assert "  gave up on postgres:17: no answer" == said[-1]


def test_proxy_of_the_machine_reaches_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://localhost:3128")
    client = FakeClient(local=(OWN_BASE,))

    ensure_image(on(client), "forge", say=print)

    assert "http://localhost:3128" == client.buildargs["http_proxy"]


def test_names_are_the_folders_under_images() -> None:
    assert sorted(images.NAMES) == sorted(path.name for path in (ROOT / "images").iterdir() if path.is_dir())
