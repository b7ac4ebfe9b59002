"""The probe on real engines: what it accepts and rejects, and that it leaves nothing even after a kill."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollout.errors import EngineUnfit
from rollout.site.engine import container_exec, probe, probe_records
from rollout.site.engine.client import RUN_LABEL, Engine
from rollout.site.engine.images import present_tag
from rollout.site.engine.selection import find_sharing, remove_stale_probes
from rollout.site.forge import ContainerForge
from tests.integration.engines.conftest import Bench, place


def probes(engine: Engine) -> list[str]:
    """Names of all probes on the engine."""
    found = engine.client().api.containers(all=True, filters={"label": probe.LABEL})
    return [name.lstrip("/") for item in found for name in item["Names"]]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_this_machines_engine_is_proven_and_cached(bench: Bench) -> None:
    sharing = find_sharing(bench.engine, image=bench.image, options=bench.options)
    (remembered,) = files(bench.options.cache)
    assert remembered.startswith("ways/")
    assert sharing == find_sharing(bench.engine, image=bench.image, options=bench.options)
    assert [] == files(bench.options.state)


def test_an_engine_that_shares_folders_and_no_network_is_refused(
    other_machine: Engine, image: str, tmp_path: Path
) -> None:
    """Like Docker Desktop and colima, whose host network is that of their virtual machine."""
    with pytest.raises(EngineUnfit, match="does not reach a listener of this process") as refused:
        find_sharing(other_machine, image=image, options=place(tmp_path))
    assert "--forge=host --database=embedded" in str(refused.value)
    assert [] == probes(other_machine)
    assert [] == files(tmp_path)


def test_an_engine_that_does_not_see_our_folders_is_refused(other_machine: Engine, image: str, hidden: Path) -> None:
    """Like Docker in Docker. The folder is not created on the engine's machine."""
    with pytest.raises(EngineUnfit, match="the engine cannot open a folder of this process"):
        find_sharing(other_machine, image=image, options=place(hidden))
    assert [] == probes(other_machine)
    assert [] == files(hidden)


PROBING = """
import sys
from pathlib import Path
from rollout.site.engine import probe
from rollout.site.engine.discovery import ask
from rollout.site.engine.sharing import Sharing
import os
url, image, place = sys.argv[1:]
sharing = Sharing(user=f"{os.getuid()}:{os.getgid()}")
print("begun", flush=True)
while True:
    probe.prove(ask(url).client(), sharing, url=url, image=image, state=Path(place) / "state", folder=Path(place))
"""


def recorded(folder: Path) -> list[str]:
    return [path.stem for path in (folder / "state" / probe_records.RECORDS).glob("*.json")]


def _is_at(moment: str, engine: Engine, folder: Path) -> bool:
    if moment == "recorded":
        return bool(recorded(folder))
    if moment == "made":
        return bool(set(recorded(folder)) & set(probes(engine)))
    return any(folder.glob(".xavos-probe-*/answered"))


@pytest.mark.parametrize("moment", ["recorded", "made", "answered"])
def test_a_probe_that_is_killed_is_removed_by_recovery(
    bench: Bench, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its record, its container or its answer, everything of it is removed."""
    own = subprocess.Popen(
        [sys.executable, "-c", PROBING, bench.engine.url, bench.image, str(tmp_path)], stdout=subprocess.PIPE
    )
    until = time.monotonic() + 60
    while not _is_at(moment, bench.engine, tmp_path):
        assert own.poll() is None
        assert time.monotonic() < until
    own.send_signal(signal.SIGKILL)
    own.communicate()
    names = recorded(tmp_path)
    # Recovery waits so long for a container that the engine may still make.
    monkeypatch.setattr(probe_records, "_APPEARS_WITHIN", 5.0)
    assert () == remove_stale_probes(tmp_path / "state")
    assert not set(names) & set(probes(bench.engine))
    assert [] == files(tmp_path / "state")
    assert [] == list(tmp_path.glob(".xavos-probe-*"))


def test_the_forges_first_process_reaps_orphans_and_ends_on_a_signal(bench: Bench, tmp_path: Path) -> None:
    """The engine's own init is not used. Podman has one only with catatonit."""
    forge_image = present_tag(bench.engine, "forge")
    if forge_image is None:
        pytest.skip("the forge's image is not on this engine")
    name = f"xavos-test-keeper-{secrets.token_hex(4)}"
    forge = ContainerForge.create(
        bench.engine.client(), name=name, image=forge_image, directory=tmp_path, run=name, network=None
    )
    container = bench.engine.client().containers.get(name)
    try:
        assert {RUN_LABEL: name}.items() <= container.labels.items()
        assert not container.attrs["HostConfig"].get("Init")
        orphan = "(sh -c 'exit 0' & exec true) & wait; for n in 1 2 3 4 5 6 7 8 9; do "
        orphan += "grep -l '^State:.Z' /proc/[0-9]*/status >/tmp/z || exit 0; sleep 0.2; done; exit 7"
        assert 0 == container_exec.ask(container, "sh", "-c", orphan, repeatable=False).exit_code
        assert {} == forge.running(f"XAVOS_RUN={name}")
        container.kill("TERM")
        assert 0 == container.wait(timeout=20)["StatusCode"]
    finally:
        container.remove(force=True, v=True)


def test_a_missing_folder_is_not_created_on_the_engines_machine(bench: Bench, tmp_path: Path) -> None:
    """`docker run -v` would create it as root on the engine's machine."""
    image = present_tag(bench.engine, "forge") or bench.image
    gone = tmp_path / "gone"
    with pytest.raises(Exception, match="container engine failed to start container"):
        ContainerForge.create(
            bench.engine.client(), name=f"xavos-test-{secrets.token_hex(4)}", image=image, directory=gone,
            run="t", network=None,
        )  # fmt: skip
    assert not gone.exists()
