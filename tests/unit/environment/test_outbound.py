"""A proxy and a private CA of the environment work; unusable ones end in a clear error."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rollout.environment.outbound import Unusable, proxy_for, trust
from rollout.environment.subprocesses import CERTIFICATES, HEX_CERTIFICATES, PROXIES
from rollout.hex.git_clones import run_git
from rollout.hex.http_client import HttpUpstream, UpstreamFailure, make_client
from rollout.hex.sources import HexpmSource, MirrorSource
from tests.unit.environment.servers import HOST, Authority, Outside, authority, outside

MIRROR = f"https://{HOST}"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def network(company: Authority) -> Iterator[Outside]:
    with outside(company.context) as there:
        yield there


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *CERTIFICATES, HEX_CERTIFICATES, "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"):
        monkeypatch.delenv(name, raising=False)


def fetched(url: str) -> str:
    """The content of /names of the registry, requested as the gateway does."""
    body = io.BytesIO()
    with make_client() as client:
        HttpUpstream(url, client=client).fetch("/names", body)
    return body.getvalue().decode()


# -- what is wanted ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("certificates", ["SSL_CERT_FILE", "HEX_CACERTS_PATH"])
def test_an_https_mirror_behind_a_proxy_and_a_private_authority(
    monkeypatch: pytest.MonkeyPatch, network: Outside, company: Authority, variable: str, certificates: str
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{network.proxy}")
    monkeypatch.setenv(certificates, str(company.file))
    network.tunnels.clear()
    assert fetched(MIRROR) == "names"
    assert network.tunnels == [f"CONNECT {HOST}:443"]


def test_probes_use_the_proxy_and_the_authority(
    monkeypatch: pytest.MonkeyPatch, network: Outside, company: Authority, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{network.proxy}")
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    with make_client() as client:
        assert HexpmSource(client=client, url=MIRROR).probe(10).is_reachable
        assert MirrorSource(MIRROR, client=client, pins=tmp_path).probe(10).is_reachable


def test_git_uses_proxy_and_authority(monkeypatch: pytest.MonkeyPatch, network: Outside, company: Authority) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{network.proxy}")
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    network.asked.clear()
    run_git(("ls-remote", f"{MIRROR}/owner/repo.git"))  # no repository is served there; it is asked for one
    assert network.asked[0] == "/owner/repo.git/info/refs?service=git-upload-pack"


def test_an_http_mirror_through_a_proxy_without_a_scheme(
    monkeypatch: pytest.MonkeyPatch, network: Outside
) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{network.proxy}")
    network.tunnels.clear()
    assert fetched(f"http://{HOST}") == "names"
    assert network.tunnels == [f"GET http://{HOST}/names"]


def test_a_proxy_that_requires_a_login(monkeypatch: pytest.MonkeyPatch, company: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    with outside(company.context, credentials=base64.b64encode(b"me:s3cret").decode()) as there:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@127.0.0.1:{there.proxy}")
        assert fetched(MIRROR) == "names"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:another@127.0.0.1:{there.proxy}")
        with pytest.raises(UpstreamFailure) as refused:
            fetched(MIRROR)
    assert "407" in str(refused.value)
    assert f"through the proxy http://127.0.0.1:{there.proxy} of HTTPS_PROXY" in str(refused.value)
    assert "another" not in str(refused.value)


def test_a_registry_of_this_machine_is_never_reached_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, network: Outside
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetched(f"http://127.0.0.1:{network.plain}") == "names"
    assert fetched(f"http://localhost:{network.plain}") == "names"


# -- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:1080"}, "ALL_PROXY names a SOCKS proxy"),
        ({"all_proxy": "socks5h://me:s3cret@127.0.0.1"}, "all_proxy names a SOCKS proxy"),
        ({"HTTPS_PROXY": "ftp://127.0.0.1"}, "HTTPS_PROXY names a proxy of the kind ftp"),
        ({"HTTPS_PROXY": "http://me:s3cret@[::1"}, "HTTPS_PROXY is not the URL of a proxy"),
        ({"HTTPS_PROXY": "http://127.0.0.1:s3cret"}, "HTTPS_PROXY is not the URL of a proxy"),
        ({"SSL_CERT_FILE": "/no/such/file"}, "SSL_CERT_FILE=/no/such/file cannot be used: No such file"),
        ({"HEX_CACERTS_PATH": "/dev/null"}, "HEX_CACERTS_PATH=/dev/null cannot be used"),
    ],
)  # fmt: skip
def test_unusable_settings_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with make_client() as client:
        reached = HexpmSource(client=client, url=MIRROR).probe(5)
    assert not reached.is_reachable
    assert sentence in str(reached.reason)
    assert "s3cret" not in str(reached.reason)


def test_an_unnamed_authority_is_not_trusted(monkeypatch: pytest.MonkeyPatch, network: Outside) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{network.proxy}")
    with pytest.raises(UpstreamFailure, match="SSL_CERT_FILE"):
        fetched(MIRROR)


def test_nothing_is_read_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "localhost,fd00::/8,[::1")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    monkeypatch.setenv("SSLKEYLOGFILE", "/no/such/folder/keys")
    make_client().close()


def test_no_file_of_tls_keys_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no" / "keys"))
    trust({})


# -- exceptions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_direct"),
    [
        ("https://hex.pm", "", False),
        ("https://hex.pm", "*", True),
        ("https://hex.pm", "hex.pm", True),
        ("https://HEX.pm", "Hex.PM", True),
        ("https://repo.hex.pm", "hex.pm", True),
        ("https://repo.hex.pm", ".hex.pm", True),
        ("https://repo.hex.pm", "*.hex.pm", True),
        ("https://other-hex.pm", "hex.pm", False),
        ("https://hex.pm.", "hex.pm", True),
        ("https://hex.pm", "hex.pm:443", True),
        ("https://hex.pm", "hex.pm:8443", False),
        ("https://hex.pm:8443", "hex.pm:8443", True),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("http://10.1.2.3", "10.1.2.3:80", True),
        ("http://[fd00::1]:4100", "localhost,fd00::/8", True),
        ("http://[fe80::1]:4100", "localhost,fd00::/8", False),
        ("http://[fd00::1]:4100", "[fd00::1]:4100", True),
        ("http://[fd00::1]:4100", "fd00:0::1", True),
        ("https://hex.pm", " localhost ,, hex.pm ", True),
        ("https://hex.pm", "localhost hex.pm", True),
        ("https://hex.pm", "[::1,http://,999/8,:,.", False),
        ("http://127.0.0.1:4001", "", True),
        ("http://127.9.9.9", "", True),
        ("http://[::1]:4001", "", True),
        ("http://localhost", "", True),
    ],
)
def test_exceptions_from_the_proxy(url: str, no_proxy: str, *, is_direct: bool) -> None:
    environment = {"ALL_PROXY": "http://proxy.test:3128", "NO_PROXY": no_proxy}
    assert (proxy_for(httpx.URL(url), environment) is None) is is_direct


def test_lower_case_wins_and_the_scheme_wins_over_all_proxy() -> None:
    environment = {
        "HTTPS_PROXY": "http://upper.test",
        "https_proxy": "http://lower.test",
        "all_proxy": "http://all.test",
    }
    chosen = {scheme: proxy_for(httpx.URL(f"{scheme}://hex.pm"), environment) for scheme in ("http", "https")}
    assert {scheme: choice and choice.variable for scheme, choice in chosen.items()} == {
        "http": "all_proxy", "https": "https_proxy",
    }  # fmt: skip


def test_an_empty_proxy_is_none() -> None:
    assert proxy_for(httpx.URL("https://hex.pm"), {"HTTPS_PROXY": "", "https_proxy": "  "}) is None


def test_a_proxy_with_tls() -> None:
    choice = proxy_for(httpx.URL("https://hex.pm"), {"HTTPS_PROXY": "https://me:s3cret@proxy.test"})
    assert choice is not None
    assert choice.place == "https://proxy.test"


def test_an_invalid_proxy_is_an_error() -> None:
    with pytest.raises(Unusable):
        proxy_for(httpx.URL("https://hex.pm"), {"HTTPS_PROXY": "http://"})
