"""Every text of an option gives a value, or InvalidOption with the name of the flag or variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.campaign.schedule import parse_faults
from rollout.config.database_url import parse_address
from rollout.config.flags import FLAGS, Flag
from rollout.config.options import Options, parse_options
from rollout.config.plan import Plan, load_plan
from rollout.errors import InvalidOption
from rollout.faults import aim

FOLDERS = ("XAVOS_CACHE_DIR", "XAVOS_STATE_DIR", "XAVOS_REPORTS_DIR")
WITH_A_VALUE = tuple(flag for flag in FLAGS if flag.metavar is not None)
SECRET = "S3kr3t"
# Pieces of values: valid ones, and some that have broken parsers.
PIECES = (
    "realistic", "ambitious", "incremental", "all", "script:", "/etc/passwd", ",", "auto", "hexpm", "rehearsal",
    "mirror:", "bundle:", "http://", "https://", "postgresql://", "postgres://", "u:p@", "h", "h1,h2", "[::1",
    "[::1]", "]", "[", ":", "@", "/", "//", "?", "#", "%", "%00", "%2F", "%zz", "=", "&", "sslmode=require",
    "connect_timeout=", "host=/tmp", "~", "~nosuchuser", "..", ".", " ", "\n", "\r", "\t", "\u0000",
    "\u001b[31m", "\udc80", "é", "٤", "²", "０", "-", "--", "-1", "0", "1e400", "nan", "inf", "1_0", "9" * 30,
    "9" * 5000, "a" * 300, "a/" * 600, "registry_503", "sigkill", "7.5s", ":transient", "@ash_core", "default",
    "latest", "list", "never", "server", "tcp://", "git@", "ext::sh -c", "file://", "{", "*", "$HOME", "`id`",
    "'", "\"", "\\", "\u2028", "\u202e", "\ufeff", "kills", "none",
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=()), max_size=40),
)


def parse(environment: Mapping[str, str] | None = None, /, **given: str) -> Options:
    return parse_options(lambda name: given.get(name.replace("-", "_")), environment or {}, root=Path("/checkout"))


@cache
def realistic() -> Plan:
    return load_plan("realistic")


def use(options: Options) -> None:
    """Parse the options that are parsed later, with plans and faults."""
    try:
        realistic().through(options.through)
        if options.fault:
            aim(options.fault, realistic(), seed=1)
        parse_faults(options.faults)
    except InvalidOption as error:
        raise options.as_given(error) from None


@settings(max_examples=2500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), flag=st.sampled_from(FLAGS), by_variable=st.booleans(), text=TEXTS)
def test_any_text_of_any_flag_is_parsed_or_rejected_with_its_name(
    data: st.DataObject, flag: Flag, by_variable: bool, text: str
) -> None:
    """On the command line and in the environment, including options that are parsed later."""
    by_variable = by_variable or flag.metavar is None
    name = flag.variable if by_variable else flag.option
    try:
        use(parse({name: text}) if by_variable else parse(**{flag.name.replace("-", "_"): text}))
    except InvalidOption as error:
        message = str(error)
        assert message.startswith(f"{name}=")
        assert "\n" not in message
        assert len(message) < 3000


@settings(max_examples=300, deadline=None)
@given(variable=st.sampled_from(FOLDERS), text=TEXTS)
def test_any_text_of_a_folder_is_parsed_or_rejected_with_its_name(variable: str, text: str) -> None:
    """The three folders that only a variable can set."""
    try:
        options = parse({variable: text})
    except InvalidOption as error:
        assert str(error).startswith(f"{variable}=")  # noqa: PT017 - it may be parsed as well
    else:
        assert all(folder.is_absolute() for folder in (options.cache, options.state, options.reports))


@settings(max_examples=500, deadline=None)
@given(
    before=st.text(":/@[]?#%&=,' \"", max_size=3),
    after=st.text(":/@[]?#%&=,' \"", max_size=3),
    rest=st.sampled_from(
        ["db.example/main", "db.example:5433/main?sslmode=require", "[::1]/main", "h1,h2/main", "", "x:y"]
    ),
)
def test_a_password_is_parsed_completely_or_rejected_and_never_shown(before: str, after: str, rest: str) -> None:
    """Raw or encoded, no part of it becomes a host, a port or a database."""
    for password in (f"{before}{SECRET}{after}", quote(f"{before}{SECRET}{after}", safe="")):
        try:
            options = parse(database=f"postgresql://me:{password}@{rest}")
        except InvalidOption as error:
            assert SECRET not in str(error)  # noqa: PT017 - it may be parsed as well
        else:
            found = parse_address(options.database)
            assert SECRET in found.password
            assert SECRET not in f"{found} {found.without_password} {options!r}"
            assert found.host in {"db.example", "::1"}
            assert (found.password,) == options.passwords


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pa[ss@h/db", "postgresql://u:pa]ss@h/db", "postgresql://u:a%40b%3Ac%2Fd%5B@h:5433/db",
        "postgres://u@h", "postgresql://u:p@[2001:db8::1]:5433/db", "postgresql://u@h/db?password=S3kr3t&sslmode=require",
        "postgresql://h/db?user=u&connect_timeout=3", "postgresql://u:p:q@h/db",
    ],
)  # fmt: skip
def test_urls_that_libpq_reads_are_valid(url: str) -> None:
    """Without its password the URL is parsed to the same address."""
    found = parse_address(parse(database=url).database)
    again = parse_address(found.without_password)
    assert "" == again.password
    assert (found.host, found.port, found.user, found.database, found.parameters) == (
        again.host, again.port, again.user, again.database, again.parameters
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:S3kr3t@h1,h2/db", "one host"),
        ("postgresql://u:S3kr3t@h/db?host=h1,h2", "one host"),
        ("postgresql://u:S3c@2024@h/db", "@ is %40"),
        ("postgresql://u:S3kr3t/2024@h/db", "/ is %2F"),
        ("postgresql://u:S3kr3t", "port between 1 and 65535"),
        ("postgresql://u:S3kr3t@h:0/db", "port between 1 and 65535"),
        ("postgresql://u:S3kr3t@h:99999/db", "port between 1 and 65535"),
        ("postgresql://u:S3kr3t@%2Fvar%2Frun/db", "cannot name a socket"),
        ("postgresql:///db?host=/var/run/postgresql", "cannot name a socket"),
        ("postgresql://u:S3kr3t@/db", "cannot name a socket"),
        ("postgresql://u:S3kr3t%zz@h/db", "libpq can read"),
        ("postgresql://u:S3kr3t@h/db?nonsense=1", "no parameter nonsense"),
        ("postgresql://u:S3kr3t@h/db?sslmode=maybe", "sslmode disable or"),
        ("postgresql://u:S3kr3t@h/db?connect_timeout=soon", "whole number for connect_timeout"),
        ("postgresql://u:S3kr3t@h/db?sslpassword=S3kr3t", "no parameter sslpassword"),
        ("postgresql://u:S3kr3t@h/db?hostaddr=10.0.0.1", "no parameter hostaddr"),
        ("postgresql://u:S3kr3t@h/db?service=mine", "no parameter service"),
        ("host=h password=S3kr3t", "postgresql://user:password@host"),
        ("mysql://u:S3kr3t@h/db", "postgresql://user:password@host"),
        ("S3kr3t!", "postgresql://user:password@host"),
    ],
)
def test_urls_that_ecto_cannot_use_are_rejected(url: str, expected: str) -> None:
    """The message says what is wrong and does not show the password."""
    with pytest.raises(InvalidOption) as raised:
        parse({"XAVOS_DATABASE": url})
    assert str(raised.value).startswith("XAVOS_DATABASE=")
    assert expected in str(raised.value)
    assert not {"S3kr3t", "S3c", "2024"} & set(str(raised.value).replace("@", " ").replace(":", " ").split())
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("source", "mirror:http://[::1"), ("source", "mirror:http://h:99999"), ("source", "mirror:http://a..b"),
        ("source", "mirror:http://h/?a=b"), ("source", "mirror:http://h h"), ("source", "bundle:~nosuchuser/x"),
        ("git-source", "mirror:ext::sh -c id://x"), ("git-source", "mirror:http://[::1"),
        ("directory", "~nosuchuser/x"), ("directory", "a\nb"), ("directory", "a\0b"), ("directory", "\udce9"),
        ("directory", "a" * 300), ("source-key", "~nosuchuser/k"),
        ("record-bundle", "~nosuchuser/b"),
        ("path", "script:~nosuchuser/x.sh"), ("path", "script:/etc/passwd/x"), ("path", f"script:/{'a' * 5000}"),
        ("resume", "a" * 5000), ("resume", "~nosuchuser"), ("scenario", "../scenarios/default"), ("scenario", "none"),
        ("seed", "9" * 5000), ("seed", "-1"), ("jobs", "0"), ("jobs", "9" * 30), ("trials", "1e3"), ("minutes", "nan"),
        ("minutes", "1e400"), ("minutes", "٣"), ("minutes", "1_0"), ("matrix-minutes", "²"), ("port", "9" * 5000),
        ("faults", ","), ("port", ""), ("source", ""),
    ],
)  # fmt: skip
def test_difficult_values_are_rejected(flag: str, value: str) -> None:
    """Each once raised a traceback or was accepted. The message names the flag or variable."""
    named = next(each for each in FLAGS if each.name == flag)
    with pytest.raises(InvalidOption) as raised:
        parse(**{flag.replace("-", "_"): value})
    assert str(raised.value).startswith(f"{named.option}=")
    if value:
        with pytest.raises(InvalidOption) as raised:
            parse({named.variable: value})
        assert str(raised.value).startswith(f"{named.variable}=")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("gate", "nope"),
        ("paths", "nope"),
        ("through", "nope"),
        ("fault", "nope"),
        ("faults", "nope"),
        ("fault", "disk_full:x"),
    ],
)  # fmt: skip
def test_the_message_names_the_flag_of_the_user(flag: str, value: str) -> None:
    """It does not name another flag with the same parser. For a value from a variable it names the variable."""
    named = next(each for each in FLAGS if each.name == flag)
    for name, ask in ((named.option, {}), (named.variable, {named.variable: value})):
        with pytest.raises(InvalidOption) as raised:
            use(parse(ask, **({} if ask else {flag: value})))
        assert str(raised.value).startswith(f"{name}={value!r}")


def test_a_switch_in_the_environment_takes_known_words_only() -> None:
    """`XAVOS_OFFLINE=ja` is an error, neither yes nor no."""
    assert parse({"XAVOS_OFFLINE": "ON"}).offline
    assert not parse({"XAVOS_OFFLINE": " "}).offline
    with pytest.raises(InvalidOption, match="XAVOS_OFFLINE='ja'"):
        parse({"XAVOS_OFFLINE": "ja"})


@pytest.mark.parametrize(
    "name", ["a b", "a:b", "a,b", "a[/b]", "é", "日本", "a'b", 'a"b', "$HOME", "-n", "a\\b", "100%"]
)
def test_a_folder_name_may_have_special_characters(name: str, tmp_path: Path) -> None:
    """Spaces, colons, commas, brackets and letters beyond ASCII are valid."""
    assert tmp_path / name == parse(directory=str(tmp_path / name)).directory


def test_a_user_without_a_home_folder_has_to_set_the_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without HOME and an entry in passwd there are no default folders."""
    monkeypatch.delenv("HOME")
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)
    with pytest.raises(InvalidOption, match=r"XAVOS_CACHE_DIR='' is not valid.*no home folder"):
        parse()
    with pytest.raises(InvalidOption, match=r"--directory='~/x' is not valid.*no home folder"):
        parse({variable: str(tmp_path) for variable in FOLDERS}, directory="~/x")
    assert tmp_path == parse({variable: str(tmp_path) for variable in FOLDERS}).cache
    monkeypatch.setenv("HOME", "")
    with pytest.raises(InvalidOption, match="no home folder"):
        parse()


def _nobody(uid: int) -> None:
    raise KeyError(uid)


def test_a_folder_that_cannot_be_entered_is_an_invalid_option(tmp_path: Path) -> None:
    """For a plain user: root can enter every folder."""
    (tmp_path / "shut").mkdir(mode=0)
    if os.geteuid() == 0:
        (tmp_path / "shut").rmdir()
        (tmp_path / "shut").write_text("")
    for flag, value in (("path", f"script:{tmp_path}/shut/x.sh"), ("resume", f"{tmp_path}/shut/run")):
        with pytest.raises(InvalidOption, match=f"--{flag}="):
            parse(**{flag: value})
