"""Checks release A: what it holds, what it lacks, and what it does without a setting."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from deploy_tests.support.beam_files import what_runs
from deploy_tests.support.commands import Ask
from deploy_tests.support.production import ENDS_WITHIN, Runner, direct, is_of_another_build
from rollout.application import APPLICATION
from rollout.deployment.deployment import Deployment
from rollout.phases.phase import PhaseResult
from rollout.production.deployed import Deployed
from rollout.production.release import Release, digests
from rollout.site.forge import TEMPORARY
from rollout.site.settings import secrets_of
from rollout.site.store.tree_removal import remove_tree
from rollout.site.views import CheckedSite

SERVES_NOTHING = (b"PHX_SERVER", b":server was not enabled")  # Phoenix says the second
BUILD, KEPT = "_build/prod", "_build/prod_before"
COOKIE = "releases/COOKIE"  # random; it is not used, because distribution is off

pytestmark = [pytest.mark.phase("release"), pytest.mark.timeout(180)]


def test_release_phase_passed(phase: PhaseResult) -> None:
    phase.require()


@pytest.fixture
def built(released: Deployed) -> Release:
    return released.releases["a"]


def _files(built: Release, *patterns: str) -> list[str]:
    found = (file for pattern in patterns for file in built.folder.glob(pattern))
    return sorted(file.relative_to(built.folder).as_posix() for file in found)


def test_brings_its_own_erlang(built: Release) -> None:
    assert _files(built, "erts-*/bin/beam.smp")


@pytest.mark.parametrize("application", ["mix", "hex", "ex_unit", "phoenix_live_reload", "esbuild", "tailwind"])
def test_holds_no_build_tool(built: Release, application: str) -> None:
    assert not _files(built, f"lib/{application}-*/ebin")


def test_holds_no_sources_of_the_application(built: Release) -> None:
    assert not _files(built, f"lib/{APPLICATION.app}-*/**/*.ex", f"lib/{APPLICATION.app}-*/**/*.heex")


@pytest.mark.parametrize("pattern", ["**/.env", "**/node_modules", f"lib/{APPLICATION.app}-*/priv/**/*.map", "**/.git"])
def test_holds_nothing_of_the_workplace(built: Release, pattern: str) -> None:
    assert not _files(built, pattern)


def test_holds_no_secret(built: Release, released: Deployed, site: CheckedSite) -> None:
    secrets = {**secrets_of(site), **{name: released.settings[name] for name in ("DATABASE_URL", "SECRET_KEY_BASE")}}
    files = [file for file in built.folder.rglob("*") if file.is_file()]
    found = [
        (file.name, name) for file in files for name, secret in secrets.items() if secret.encode() in file.read_bytes()
    ]
    assert len(files) > 100
    assert not found


def test_image_holds_no_secret(built: Release, released: Deployed, deployment: Deployment) -> None:
    engine = deployment.site.engine
    if not built.image or engine is None:
        pytest.skip("the release runs as a process of this machine")
    image = engine.client().images.get(built.image)
    told = json.dumps([image.attrs, image.history()], default=str)
    secrets = {**secrets_of(deployment.site), **released.settings}
    long = {name: secret for name, secret in secrets.items() if len(secret) > 20}
    assert "SECRET_KEY_BASE" in long
    assert not [name for name, secret in long.items() if secret in told]


@pytest.mark.parametrize("program", ["elixir", "mix", "erlc", "gcc", "make", "git", "node", "npm", "apt-get install"])
def test_image_has_no_build_tool(built: Release, runner: Runner, program: str) -> None:
    if not built.image:
        pytest.skip("the release runs as a process of this machine")
    if " " in program:  # apt-get is there, but nobody may install
        done = runner.shell(built, "touch /usr/bin/probe || echo read-only")
        assert "read-only" in done.output
        return
    assert runner.shell(built, f"command -v {program} || echo none").output.strip() == "none"


def test_runs_as_a_user_without_rights(built: Release, runner: Runner) -> None:
    if not built.image:
        pytest.skip("the release runs as a process of this machine")
    done = runner.shell(built, "id -u; grep CapEff /proc/self/status")
    user, capabilities = done.output.strip().splitlines()
    assert user != "0"
    assert int(capabilities.split()[1], 16) == 0


def test_every_shared_library_is_found(built: Release, runner: Runner) -> None:
    native = f"find {built.root} -type f '(' -name '*.so*' -o -path '*/erts-*/bin/*' ')'"
    done = runner.shell(built, f"{native} | xargs ldd 2>/dev/null | grep 'not found' | sort -u; echo done")
    assert done.output.strip() == "done"


def test_static_files_are_digested(built: Release) -> None:
    (manifest,) = built.folder.glob(f"lib/{APPLICATION.app}-*/priv/static/cache_manifest.json")
    latest = json.loads(manifest.read_text(encoding="utf-8"))["latest"]
    assert latest
    assert not [name for name in latest.values() if not (manifest.parent / name).is_file()]


def test_text_files_are_compressed(built: Release) -> None:
    (static,) = built.folder.glob(f"lib/{APPLICATION.app}-*/priv/static")
    digested = json.loads((static / "cache_manifest.json").read_text(encoding="utf-8"))["digests"]
    texts = [name for name in digested if name.endswith((".css", ".js", ".txt", ".html"))]
    assert texts
    assert not [name for name in texts if not (static / f"{name}.gz").is_file()]


def test_migrations_are_inside(built: Release) -> None:
    assert built.migrations


def test_boots_without_mix(built: Release, runner: Runner) -> None:
    assert runner.evaluate(built, "inspect(Code.ensure_loaded?(Mix))") == "false"


def test_knows_its_version(built: Release, runner: Runner) -> None:
    app = APPLICATION.app
    code = f"(Application.load(:{app}); Application.spec(:{app}, :vsn))"
    assert runner.evaluate(built, code) == built.version


@pytest.mark.parametrize("setting", ["code_reloader", "debug_errors", "watchers"])
def test_nothing_of_development_is_switched_on(built: Release, runner: Runner, setting: str) -> None:
    endpoint = f"{APPLICATION.web_module}.Endpoint"
    code = f"inspect(Application.get_env(:{APPLICATION.app}, {endpoint}, [])[:{setting}] in [nil, false, []])"
    assert runner.evaluate(built, code) == "true"


@pytest.mark.timeout(900)
def test_a_second_build_differs_in_nothing_that_runs(
    built: Release, released: Deployed, site: CheckedSite, ask: Ask
) -> None:
    """The application is compiled again in a copy of the build, and released again.

    The copy takes the place of the first build meanwhile: its path is in the settings of a release. Modules are
    compared without what only tells of their build (deploy_tests/support/beam_files.py).
    """
    if is_of_another_build(released):
        pytest.skip("release A is an image of another build")
    build, kept, release = (site.directory / path for path in (BUILD, KEPT, f"{TEMPORARY}/again"))
    script = (
        f"mkdir -p {TEMPORARY} && rm -rf {TEMPORARY}/again && mv {BUILD} {KEPT} && cp -a {KEPT} {BUILD} && "
        f"mix compile --force && mix release --path {TEMPORARY}/again"
    )
    env = {"MIX_ENV": "prod", APPLICATION.revision_variable: built.label}
    try:
        done = ask("sh", "-c", script, label="build the release again", deadline=800, env=env, settings=False)
        assert done.ok, done.tail
        first, second = digests(built.folder), digests(release)
        different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
        assert [name for name in different if name != COOKIE and not _runs_equal(built.folder, release, name)] == []
    finally:
        remove_tree(release)
        if kept.is_dir():
            remove_tree(build)
            kept.rename(build)


def _runs_equal(one: Path, other: Path, name: str) -> bool:
    files = (one / name, other / name)
    if not name.endswith(".beam") or not all(file.is_file() for file in files):
        return False
    first, second = (what_runs(file.read_bytes()) for file in files)
    return first == second


@pytest.mark.parametrize("variable", APPLICATION.required_variables)
def test_a_missing_setting_ends_it_with_its_name(built: Release, runner: Runner, variable: str) -> None:
    done = runner.command(built, APPLICATION.app, "start", without=variable, deadline=60, PORT="0")
    assert done.exit_code not in {0, None}
    assert variable in done.output
    assert done.seconds < 6 * ENDS_WITHIN


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABASE_URL", "nonsense"), ("PORT", "eighty"), ("POOL_SIZE", "many"), ("SECRET_KEY_BASE", "short")],
)
def test_a_malformed_setting_ends_it_with_its_name(built: Release, runner: Runner, variable: str, value: str) -> None:
    done = runner.command(built, APPLICATION.app, "start", deadline=60, **{"PORT": "0", variable: value})
    assert done.exit_code not in {0, None}
    assert variable in done.output


def test_without_phx_server_it_serves_nothing(built: Release, runner: Runner) -> None:
    instance = runner.start(built, PHX_SERVER="")
    try:
        runner.wait_for(instance, lambda: any(word in runner.host.log(instance.name) for word in SERVES_NOTHING))
        with direct(instance) as client, pytest.raises(Exception, match="refused"):
            client.get("/")
    finally:
        runner.host.stop(instance.name, grace=20)


def test_another_port_and_host_need_no_other_build(built: Release, runner: Runner) -> None:
    instance = runner.start(built, PHX_HOST="shop.example.org")
    try:
        with direct(instance, host="shop.example.org", x_forwarded_proto="https") as client:
            runner.wait_for(instance, lambda: _answers(client, APPLICATION.live_path))
    finally:
        runner.host.stop(instance.name, grace=20)


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.HTTPError:
        return False
