"""Secrets are masked completely in every printed form; a weak one does not mask ordinary words."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.errors import InvalidOption, RolloutError
from rollout.journal import CommandRecorder, Journal, Redactor
from rollout.process import Outcome, Request
from rollout.process.request import TAIL_BYTES
from rollout.process.runner import Tail
from rollout.text.masking import MASK, mask_credentials

STRONG = ("S3c@2024/ä\"'#{x}\\", "hunter2!", "plain-token-0123456789", "a b+c%d&e=F9")


def redactor(*secrets: str, spared: tuple[str, ...] = ()) -> Redactor:
    made = Redactor(spared=spared)
    made.add(*secrets)
    return made


@pytest.mark.parametrize("secret", STRONG)
def test_a_strong_secret_in_every_form(secret: str) -> None:
    """As programs print it: encoded, escaped, quoted, in Base64 after any user's name."""
    lower = re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quote(secret, safe=""))
    partly = "".join(f"%{ord(letter):02X}" if letter in "@/c0" else letter for letter in secret)
    elixir = secret.replace("\\", "\\\\").replace('"', '\\"').replace("#{", "\\#{")
    forms = [
        secret, quote(secret, safe=""), quote(secret), quote_plus(secret), lower, partly, elixir,
        *(json.dumps(secret, ensure_ascii=each)[1:-1] for each in (True, False)), json.dumps(json.dumps(secret))[3:-3],
        html.escape(secret), shlex.quote(secret)[1:-1] if shlex.quote(secret) != secret else secret, repr(secret)[1:-1],
        secret.replace("'", "''"),
    ]  # fmt: skip
    for form in forms:
        assert f"it is <{MASK}> there" == redactor(secret).text(f"it is <{form}> there"), form
    for user in ("", "u", "me", "postgres"):
        coded = base64.b64encode(f"{user}:{secret}:end".encode())
        for text in (coded.decode(), base64.urlsafe_b64encode(f"{user}:{secret}".encode()).decode()):
            assert f"<{MASK}>" == redactor(secret).text(f"<{text}>"), text


@settings(max_examples=40, deadline=None)
@given(secret=st.text(min_size=8, max_size=20), cut=st.integers(1, 7), gap=st.sampled_from(["\n", "\r\n", "\n   "]))
def test_a_strong_secret_over_two_lines(secret: str, cut: int, gap: str) -> None:
    """As a program wraps it."""
    secret = f"{re.sub(r'[^!-~]', 'x', secret)}9Z"
    masked = redactor(secret).text(f"begin {secret[:cut]}{gap}{secret[cut:]} end")
    assert f"begin {MASK} end" == masked


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_output_in_chunks_and_over_lines(tmp_path: Path, size: int) -> None:
    """However the output comes, the log has nothing of the secret, and all of the rest in its order."""
    secret = "hunter2-and-more"
    journal = Journal(tmp_path / "j.jsonl", run="r", redactor=redactor(secret))
    recorder = CommandRecorder(journal, tmp_path / "logs", where={"path": "p", "phase": "x"})
    request = Request(argv=("x",), label="x", cwd=tmp_path)
    log = recorder.started(request)
    data = f"first {secret}\nhunter\n2-and\n-more, h\nlast hunt\n".encode()
    for place in range(0, len(data), size):
        recorder.output(data[place : place + size])
    recorder.finished(Outcome(request=request, exit_code=0, seconds=1, tail=data.decode(), log=log))
    assert f"first {MASK}\n{MASK}, h\nlast hunt\n" == log.read_text()
    assert "2-and" not in journal.path.read_text()
    journal.close()


def test_a_tail_does_not_begin_within_a_secret() -> None:
    """What is cut off ends with a line."""
    tail = Tail()
    for _ in range(3):
        tail.add(b"x" * (TAIL_BYTES // 2) + b" hunter2-and-more\nnext line\n")
    text = tail.text()
    assert len(text) <= TAIL_BYTES
    assert not text.startswith("unter")
    assert text.startswith(("next line\n", "x"))


@pytest.mark.parametrize("secret", ["postgres", "xavos", "Admin", "1234", "4001", "abc", "server", "logs"])
def test_a_weak_secret_masks_no_ordinary_word(secret: str) -> None:
    """Nor breaks the link to a log file."""
    for text in (
        f"starting {secret}", f"logs/007-database-{secret}.log", f"{secret} passed", f"user {secret} at 10:{secret}",
        f"http://127.0.0.1:4001/{secret}", f"password authentication failed for user {secret}", f"{secret}: ready",
    ):  # fmt: skip
        assert text == redactor(secret).text(text)


@pytest.mark.parametrize("secret", ["postgres", "1234", "Admin", "abc"])
def test_a_weak_secret_is_masked_after_a_word_such_as_password(secret: str) -> None:
    """Named a password, in a URL, or in a header."""
    coded = base64.b64encode(f"me:{secret}".encode()).decode()
    for before, after in (
        ("PGPASSWORD=", " psql"), ('password: "', '"'), ('{"password": "', '"}'), ("password => '", "'"),
        ("host=h password=", ""),
        ("postgresql://me:", "@h/d"), ("https://me:", "@h/d"), ("/?password=", "&x=1"), ("the password is ", "."),
    ):  # fmt: skip
        assert f"{before}{MASK}{after}" == redactor(secret).text(f"{before}{secret}{after}")
    assert f"authorization: Basic {MASK}" == redactor(secret).text(f"authorization: Basic {coded}")


def test_a_secret_that_is_also_a_public_name_is_weak() -> None:
    """The password is the deployment's name: its folder is shown nevertheless."""
    made = redactor("xavos2", spared=("xavos2", "/srv/xavos2"))
    assert "/srv/xavos2/logs" == made.text("/srv/xavos2/logs")
    assert f"postgresql://xavos2:{MASK}@h" == made.text("postgresql://xavos2:xavos2@h")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://u:pa/ss@h/x", "https://u:***@h/x"),
        ("https://u:p@a@h/x", "https://u:***@h/x"),
        ("https://token@h/x", "https://***@h/x"),
        ("postgresql://u:a/b@c@h/x", "postgresql://u:***@h/x"),
        ("postgresql://u:pa[ss@h/db", "postgresql://u:***@h/db"),
        ("http://h/x?token=abc&a=b", "http://h/x?token=***&a=b"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        # and nothing else
        ("https://registry.npmjs.org/@scope/pkg", "https://registry.npmjs.org/@scope/pkg"),
        ("http://127.0.0.1:4001/users/a@b.c", "http://127.0.0.1:4001/users/a@b.c"),
        ("ssh://git@github.com/x/y", "ssh://git@github.com/x/y"),
        ("see http://h:80, mail a@b.c", "see http://h:80, mail a@b.c"),
        ("postgresql://user:password@host/db", "postgresql://user:password@host/db"),
    ],
)
def test_credentials_in_urls(text: str, masked: str) -> None:
    """Also without encoding. Similar texts stay."""
    assert masked == mask_credentials(text)


def test_no_error_shows_the_credentials_of_a_url() -> None:
    """Errors are printed before there is a run with a redactor."""
    error = RolloutError("https://me:hunter2@mirror/names is down", advice="Ask https://hunter2@mirror.")
    assert "hunter2" not in f"{error} {error.message} {error.advice} {error!r} {error.args}"
    refused = InvalidOption(option="--source", value=f"mirror:https://me:hunter2{'x' * 300}@mirror", expected="a")
    assert "hunter2" not in str(refused)
    assert str(refused).startswith("--source='mirror:https://me:***@mirror' is not valid")
