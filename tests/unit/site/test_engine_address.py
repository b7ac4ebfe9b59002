"""The engine is found from variables, contexts and certificates; broken ones give a clear error."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rollout import errors
from rollout.cli import setup
from rollout.site import selection
from rollout.site.engine.address import VARIABLES, Address, BadAddress, Tls, named_address, normalized
from rollout.site.engine.client import Engine, NoEngine
from rollout.site.engine.discovery import find_engine
from tests.unit.site.tls_engine import make_certificates, serving


class Home:
    """A temporary home folder with Docker's configuration."""

    def __init__(self, folder: Path) -> None:
        self.docker = folder / ".docker"
        self.docker.mkdir(parents=True)
        self.env = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}

    def context(self, name: str, host: str | None, *, certificates: Path | None = None, skip: bool = False) -> None:
        """Write the files of `docker context create`."""
        identity = hashlib.sha256(name.encode()).hexdigest()
        meta = self.docker / "contexts/meta" / identity / "meta.json"
        meta.parent.mkdir(parents=True)
        endpoints = {} if host is None else {"docker": {"Host": host, "SkipTLSVerify": skip}}
        meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
        if certificates is not None:
            stored = self.docker / "contexts/tls" / identity / "docker"
            stored.mkdir(parents=True)
            for file in ("ca.pem", "cert.pem", "key.pem"):
                shutil.copyfile(certificates / file, stored / file)

    def use(self, name: str) -> None:
        """Write the file of `docker context use`."""
        (self.docker / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))

    def meta(self, name: str) -> Path:
        return self.docker / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"

    def named(self, **env: str) -> Address | None:
        return named_address({**self.env, **env})

    def refusal(self, **env: str) -> BadAddress:
        with pytest.raises(BadAddress) as caught:
            named_address({**self.env, **env})
        assert caught.value.mend
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_port(certificates: Path) -> Iterator[int]:
    with serving(certificates) as port:
        yield port


ALL = {
    "DOCKER_HOST": "tcp://variable:1",
    "DOCKER_CONTEXT": "named",
    "CONTAINER_HOST": "unix:///run/podman.sock",
}


@pytest.mark.parametrize(
    ("without", "url", "by"),
    [
        ((), "tcp://variable:1", "DOCKER_HOST=tcp://variable:1"),
        (("DOCKER_HOST",), "tcp://named:2375", "DOCKER_CONTEXT=named"),
        (("DOCKER_HOST", "DOCKER_CONTEXT"), "unix:///run/podman.sock", "CONTAINER_HOST=unix:///run/podman.sock"),
        (tuple(ALL), "unix:///current.sock", "the Docker context current"),
    ],
)
def test_the_first_setting_that_names_an_engine_wins(without: tuple[str, ...], url: str, by: str, home: Home) -> None:
    home.context("named", "tcp://named")
    home.context("current", "unix:///current.sock")
    home.use("current")

    found = home.named(**{name: value for name, value in ALL.items() if name not in without})

    assert found is not None
    assert url == found.url
    assert found.by.startswith(by)


def test_without_a_setting_no_engine_is_named(home: Home) -> None:
    assert home.named() is None
    home.use("default")
    assert home.named(DOCKER_HOST="", DOCKER_CONTEXT="", CONTAINER_HOST="") is None


def test_the_default_context_by_name_overrides_the_current_one(home: Home) -> None:
    home.context("current", "unix:///current.sock")
    home.use("current")

    assert home.named(DOCKER_CONTEXT="default") is None


def test_docker_config_moves_the_configuration(home: Home, tmp_path: Path) -> None:
    home.context("current", "unix:///current.sock")
    home.use("current")
    home.docker.rename(tmp_path / "elsewhere")

    found = home.named(DOCKER_CONFIG=str(tmp_path / "elsewhere"))

    assert found is not None
    assert "unix:///current.sock" == found.url


@pytest.mark.parametrize(
    ("value", "tls", "expected"),
    [
        ("unix:///x.sock", False, "unix:///x.sock"),
        ("unix://", False, "unix:///var/run/docker.sock"),
        ("tcp://h:1", False, "tcp://h:1"),
        ("tcp://h", False, "tcp://h:2375"),
        ("tcp://h", True, "tcp://h:2376"),
        ("tcp://h:1/", True, "tcp://h:1"),
        ("tcp://", True, "tcp://localhost:2376"),
        ("h:1", False, "tcp://h:1"),
        (":1", False, "tcp://localhost:1"),
        ("tcp://[::1]:1", False, "tcp://[::1]:1"),
        ("https://h", False, "https://h:2376"),
    ],
)
def test_addresses_are_completed_as_docker_does(value: str, tls: bool, expected: str) -> None:
    assert expected == normalized(value, is_tls=tls)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ssh://user@host", "another machine"), ("npipe:////./pipe/docker_engine", "Windows"),
        ("fd://", "not an engine"),
        ("/var/run/docker.sock", "unix:///path"), ("tcp://h:99999", "not an engine"), ("tcp://h:0", "not an engine"),
        ("tcp://h:1/path", "not an engine"), ("nonsense://x", "not an engine"), ("tcp://[::1", "not an engine"),
        ("tcp://a b", "not an engine"), ("tcp://u:p@h:1", "not an engine"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["DOCKER_HOST", "CONTAINER_HOST"])
def test_an_unusable_address_is_one_sentence(variable: str, value: str, said: str, home: Home) -> None:
    refused = home.refusal(**{variable: value})

    assert f"{variable}={value}: " in str(refused)
    assert said in str(refused)
    assert refused.mend.startswith(f"unset {variable}")


def _no_endpoint(home: Home) -> None:
    home.context("x", None)


def _no_json(home: Home) -> None:
    home.context("x", "unix:///x")
    home.meta("x").write_text("{")


def _no_object(home: Home) -> None:
    home.context("x", "unix:///x")
    home.meta("x").write_text('["Endpoints"]')


def _no_text(home: Home) -> None:
    home.context("x", "unix:///x")
    home.meta("x").write_bytes(b"\xff\xfe")


def _a_folder(home: Home) -> None:
    home.meta("x").mkdir(parents=True)


def _over_ssh(home: Home) -> None:
    home.context("x", "ssh://h")


def _half_a_pair(home: Home) -> None:
    home.context("x", "tcp://h")
    stored = home.docker / "contexts/tls" / hashlib.sha256(b"x").hexdigest() / "docker"
    stored.mkdir(parents=True)
    (stored / "cert.pem").write_text("x")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda home: None, "no such context"),
        (_no_endpoint, "no Docker endpoint"),
        (_no_json, "not valid JSON"),
        (_no_object, "no Docker endpoint"),
        (_no_text, "not valid JSON"),
        (_a_folder, "cannot be read"),
        (_over_ssh, "another machine"),
        (_half_a_pair, "are both needed"),
    ],
)
@pytest.mark.parametrize("by_variable", [True, False])
def test_broken_context_is_one_sentence(broken: Any, said: str, by_variable: bool, home: Home) -> None:
    broken(home)
    if not by_variable:
        home.use("x")

    refused = home.refusal(**({"DOCKER_CONTEXT": "x"} if by_variable else {}))

    assert said in str(refused)
    assert ("DOCKER_CONTEXT=x: " if by_variable else "the Docker context x (") in str(refused)


@pytest.mark.parametrize("text", ["{", "[]", "\x00", '"x"'])
def test_a_broken_configuration_names_no_context_and_prevents_an_installation(text: str, home: Home) -> None:
    """Docker warns and uses its own socket, and so do we. If that does not answer, the error gives the reason."""
    (home.docker / "config.json").write_text(text)

    assert home.named() is None
    found = find_engine({**home.env, "DOCKER_HOST": ""})
    if isinstance(found, NoEngine):
        assert found.named
        assert str(home.docker / "config.json") in found.reason


def test_certificates_are_those_of_the_folder_that_is_named(certificates: Path, home: Home) -> None:
    ca, cert, key = (str(certificates / name) for name in ("ca.pem", "cert.pem", "key.pem"))
    tls = Tls(folder=str(certificates), ca=ca, cert=cert, key=key)
    given = {"DOCKER_CERT_PATH": str(certificates), "DOCKER_TLS_VERIFY": "1"}

    remote, local = home.named(**given, DOCKER_HOST="tcp://h"), home.named(**given, DOCKER_HOST="unix:///x")
    alone = home.named(**given)

    assert remote is not None
    assert ("tcp://h:2376", tls) == (remote.url, remote.tls)
    assert local is not None
    assert local.tls is None
    assert alone is not None
    assert ("tcp://localhost:2376", tls) == (alone.url, alone.tls)


def test_missing_certificates_are_one_sentence(home: Home, tmp_path: Path) -> None:
    refused = home.refusal(DOCKER_HOST="tcp://h", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(tmp_path))

    assert f"DOCKER_CERT_PATH={tmp_path}: ca.pem, which identifies the engine, is missing" in str(refused)
    assert str(home.docker) in str(home.refusal(DOCKER_HOST="tcp://h", DOCKER_TLS_VERIFY="1"))


@pytest.mark.parametrize(("file", "said"), [("ca.pem", "ca.pem holds no"), ("cert.pem", "do not match")])
def test_invalid_certificates_are_one_sentence(file: str, said: str, home: Home, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path / "spoilt")
    (folder / file).write_text("")

    assert said in str(home.refusal(DOCKER_HOST="tcp://h", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(folder)))


def test_a_key_that_belongs_to_another_certificate_is_one_sentence(home: Home, tmp_path: Path) -> None:
    folder, other = make_certificates(tmp_path / "one"), make_certificates(tmp_path / "two")
    shutil.copyfile(other / "key.pem", folder / "key.pem")

    refused = home.refusal(DOCKER_HOST="tcp://h", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(folder))

    assert "do not match" in str(refused)


def test_engine_behind_tls_answers_by_variables_and_by_context(tls_port: int, certificates: Path, home: Home) -> None:
    url = f"tcp://127.0.0.1:{tls_port}"
    home.context("remote", url, certificates=certificates)
    ways: list[Mapping[str, str]] = [
        {"DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)},
        {"DOCKER_HOST": url, "DOCKER_TLS": "1", "DOCKER_CERT_PATH": str(certificates)},
        {"DOCKER_CONTEXT": "remote"},
    ]

    for way in ways:
        found = find_engine({**home.env, **way})

        assert isinstance(found, Engine), found
        assert (url, "podman") == (found.url, found.kind)
        assert "5.4.2" == found.client().version()["Version"]


def test_wrong_certificates_are_one_sentence(tls_port: int, certificates: Path, home: Home, tmp_path: Path) -> None:
    url = f"tcp://127.0.0.1:{tls_port}"
    strangers = make_certificates(tmp_path / "strangers")
    mixed = make_certificates(tmp_path / "mixed")
    shutil.copyfile(certificates / "ca.pem", mixed / "ca.pem")
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copyfile(certificates / "ca.pem", bare / "ca.pem")

    def said(**env: str) -> str:
        found = find_engine({**home.env, "DOCKER_HOST": url, **env})
        assert isinstance(found, NoEngine)
        assert found.named
        assert "\n" not in found.reason
        return found.reason

    assert "its certificate is not accepted" in said(DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(strangers))
    for folder in (mixed, bare):  # of another authority, and none
        assert "accept our certificate" in said(DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(folder))
    assert "does it speak TLS" in said()
    with serving(None) as plain:
        reason = said(DOCKER_HOST=f"tcp://127.0.0.1:{plain}", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(certificates))
    assert "it does not speak TLS" in reason


@pytest.mark.parametrize("how", ["context", "variable", "broken", "configuration"])
def test_as_root_with_an_engine_named_no_other_is_installed(
    how: str, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("rollout.site.engine.discovery.sockets", lambda env: ())
    home.context("away", f"unix://{tmp_path}/nobody.sock")
    env = {"context": {}, "variable": {"DOCKER_CONTEXT": "away"}, "broken": {"DOCKER_CONTEXT": "nothing"}}.get(how, {})
    home.use("away")
    if how == "configuration":
        (home.docker / "config.json").write_text("{")
    for variable, value in {**home.env, **env}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(setup, "install_engine", lambda say, reason: pytest.fail("installed one"))

    with pytest.raises(errors.NoEngine) as caught:
        setup.prepare({"forge": "auto"}, print)

    expected = {"context": "docker context use default", "configuration": "docker context ls"}
    assert expected.get(how, "unset DOCKER_CONTEXT") in str(caught.value)


@pytest.mark.parametrize(("named", "command"), [(True, "unset DOCKER_CONTEXT"), (False, "make deploy")])
def test_a_run_without_its_named_engine_gives_advice_about_it(
    named: bool, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollout.site.selection.shutil.which", lambda name: None)
    found = NoEngine(reason="no such context", named=named, mend="unset DOCKER_CONTEXT" if named else "")

    for option in ("container", "auto"):
        with pytest.raises(errors.NoEngine) as caught:
            selection.choose_forge(option, found)
        assert "no such context" in str(caught.value)
        assert f"\n    {command}\n" in str(caught.value)
