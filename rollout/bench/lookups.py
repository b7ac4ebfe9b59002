"""Compares the time of the suite's package lookup with the time of `mix hex.info`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rollout.bench.errors import NothingToMeasure
from rollout.hex.gateway import Gateway
from rollout.hex.lookup import WantedPackage, look_up
from rollout.hex.upstreams import Upstreams
from rollout.process import Outcome, Quiet, Request, execute
from rollout.site.engine.client import Engine
from rollout.site.engine.images import ensure_image
from rollout.site.forge import ContainerForge, Forge, HostForge
from rollout.site.selection import host_toolchain

PACKAGES = (
    "ash", "ash_admin", "ash_authentication", "ash_authentication_phoenix", "ash_json_api", "ash_phoenix",
    "ash_postgres", "bandit", "bcrypt_elixir", "decimal", "dns_cluster", "ecto", "ecto_sql", "gettext", "jason",
    "open_api_spex", "phoenix", "phoenix_ecto", "phoenix_html", "phoenix_live_view", "picosat_elixir", "plug",
    "postgrex", "req", "telemetry",
)  # fmt: skip
"""25 packages that the plan needs, so every source has them."""

_EACH = 'for name in "$@"; do mix hex.info "$name" >/dev/null || exit 1; done'
_DEADLINE = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Seconds for the look-up of all PACKAGES, with Mix and with the suite."""

    mix: float
    ours: float

    @property
    def speedup(self) -> float:
        return self.mix / self.ours


def compare(upstreams: Upstreams, *, engine: Engine | None, home: Path, samples: int) -> tuple[Pair, ...]:
    """`samples` pairs of measurements. `home` is an empty folder. Raises NothingToMeasure if one of the two fails.

    The 25 commands of Mix run in one shell of the forge, so they need no round trip to the container engine. Every
    measurement uses a gateway with an empty cache.
    """
    with _forge(engine, home) as forge:
        return tuple(_pair(forge, upstreams, home, f"{number}") for number in range(samples))


def _pair(forge: Forge, upstreams: Upstreams, home: Path, number: str) -> Pair:
    with Gateway(upstreams, cache=home / "cache" / f"mix-{number}") as gateway:
        environment = _environment(forge, gateway)
        (home / "key.pem").write_bytes(gateway.public_key)
        for command in gateway.setup_commands(key_file=str(forge.root / "key.pem")):
            _require(_run(forge, command, environment))
        mix = _require(_run(forge, ("sh", "-c", _EACH, "sh", *PACKAGES), environment)).seconds
    with Gateway(upstreams, cache=home / "cache" / f"ours-{number}") as gateway:
        ours = _look_up(gateway)
    return Pair(mix=mix, ours=ours)


def _look_up(gateway: Gateway) -> float:
    """The seconds that the look-up takes."""
    wants = tuple(WantedPackage(name=name, requirement=">= 0.0.0") for name in PACKAGES)
    began = time.monotonic()
    findings = look_up(gateway, wants)
    seconds = time.monotonic() - began
    unanswered = [each.sentence() for each in findings if each.status not in {"found", "no_matching_release"}]
    if unanswered:
        raise NothingToMeasure(what="the look-up", reason="; ".join(unanswered))
    return seconds


@contextmanager
def _forge(engine: Engine | None, home: Path) -> Iterator[Forge]:
    """A temporary container; without an engine, this machine."""
    if engine is None:
        yield HostForge(root=home, toolchain=host_toolchain())
        return
    name = f"xavos-bench-{secrets.token_hex(4)}"
    image = ensure_image(engine, "forge")
    forge = ContainerForge.create(engine.client(), name=name, image=image.tag, directory=home, run=name, network=None)
    try:
        yield forge
    finally:
        engine.client().containers.get(name).remove(force=True, v=True)


def _environment(forge: Forge, gateway: Gateway) -> Mapping[str, str]:
    folders = {"HOME": "", "MIX_HOME": "mix", "HEX_HOME": "hex"}
    return {
        **forge.environment(),
        **{variable: str(forge.root / folder) for variable, folder in folders.items()},
        "NO_COLOR": "1",
        **gateway.forge_environment(),
    }


def _run(forge: Forge, argv: tuple[str, ...], environment: Mapping[str, str]) -> Outcome:
    request = Request(argv=argv, label=" ".join(argv[:2]), cwd=forge.root, env=environment, deadline=_DEADLINE)
    return execute(request, forge.launcher, Quiet())


def _require(outcome: Outcome) -> Outcome:
    if not outcome.ok:
        raise NothingToMeasure(what=outcome.describe(), reason=outcome.tail.strip()[-500:])
    return outcome
