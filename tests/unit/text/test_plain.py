"""The output of tools becomes plain text: without terminal codes, limited, and fast."""

from __future__ import annotations

import time

import pytest

from rollout.text.plain import duration, line, plain, size, tail


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\rdone", "done"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("a\x00b\x08c\x7f", "abc"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf?"),
        ("\x1b", ""),
    ],
)
def test_plain_is_the_visible_text(raw: str, shown: str) -> None:
    """Colours, titles, links, overdrawn lines, control characters and reversed text are gone."""
    assert shown == plain(raw)


def test_tail_keeps_the_last_lines() -> None:
    """It has 200 lines and a first line about the cut."""
    kept = tail("\n".join(str(number) for number in range(1000))).split("\n")

    assert kept[0].startswith("[…")
    assert kept[1:] == [str(number) for number in range(800, 1000)]


@pytest.mark.parametrize("unit", ["x", "é", "\x1b[1m", "\r", "\x1b]", "a\r\n", "<"])
def test_ten_megabytes_are_cut_fast(unit: str) -> None:
    """No input makes the cleaning slow or its result large."""
    huge = unit * (10_000_000 // len(unit))
    began = time.process_time()

    assert len(tail(huge).encode()) < 20_200
    assert len(line(huge)) <= 300
    assert time.process_time() - began < 2


def test_short_text_is_not_changed() -> None:
    """It has no line about a cut."""
    assert tail("one\ntwo\n") == "one\ntwo"
    assert tail(None) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (3725, "1 h 2 min"),
        (float("nan"), "–"),
        (-1, "–"),
    ],
)
def test_durations_are_readable(seconds: float, said: str) -> None:
    """Seconds, minutes, hours."""
    assert said == duration(seconds)


def test_sizes_have_units() -> None:
    """Decimal units."""
    assert [size(n) for n in (812, 2_400_000, 5e9)] == ["812 B", "2.4 MB", "5.0 GB"]
