"""Parts of a source file are removed, and what is left reads as if they had never been there."""

from __future__ import annotations

import textwrap

import pytest

from rollout.assembly.parts import Part, occurrences, without

LIST = """
use Ash.Resource,
  extensions: [First, Second],
  fragments: [
    One,
    Two,
    Three
  ]
"""
BLOCKS = """
scope do
  # What it is for.
  policy first do
    allow

    deny
  end

  policy second,
    on: [
      each
    ] do
    allow
  end

  call(one,
    two: 2
  )

  def short(word),
    do: word
end
"""


def part(text: str, before: str = "") -> Part:
    return Part(text=text, before=before, overlays=("later",))


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        (LIST, ["Two,"], LIST.replace("    Two,\n", "")),
        (LIST, ["Three"], LIST.replace("Two,\n    Three", "Two")),
        (LIST, ["Two,", "Three"], LIST.replace("One,\n    Two,\n    Three", "One")),
        (LIST, ["One,", "Two,", "Three"], LIST.replace("[\n    One,\n    Two,\n    Three\n  ]", "[]")),
        (LIST, ["First"], LIST.replace("First, ", "")),
        (LIST, ["Second"], LIST.replace(", Second", "")),
        (LIST, ["First", "Second"], LIST.replace("First, Second", "")),
        (LIST, ["Missing"], LIST),
        (LIST, ["Two,\nThree"], LIST.replace("One,\n    Two,\n    Three", "One")),
    ],
)
def test_items_leave_no_comma_and_no_line_behind(text: str, gone: list[str], left: str) -> None:
    """Whether they are first, last or all, on lines of their own or within one."""
    assert left == without(text, [part(each) for each in gone])


def test_a_part_is_the_block_that_its_line_opens_with_the_comment_above() -> None:
    """Up to the `end` or bracket at the same indentation; one blank line is left between what stays."""
    without_all = without(
        BLOCKS, [part("policy first do"), part("policy second,"), part("call(one,"), part("def short(word),")]
    )
    assert "\nscope do\nend\n" == without_all
    assert BLOCKS.replace(
        textwrap.indent("policy second,\n  on: [\n    each\n  ] do\n  allow\nend\n\n", "  "), ""
    ) == without(BLOCKS, [part("policy second,")])


def test_what_is_there_before_takes_the_place_of_the_whole_part() -> None:
    """Indented as the part was; within a line it takes the place of the text."""
    before = "policy first do\n  deny\nend"
    shaped = without(BLOCKS, [part("policy first do", before=before)])
    assert shaped.startswith("\nscope do\n  policy first do\n    deny\n  end\n\n  policy second,")
    assert "What it is for" not in shaped
    assert "[Zero, Second]" in without(LIST, [part("First", before="Zero")])


def test_a_part_within_a_part_goes_with_it() -> None:
    """The outer one is named first."""
    assert without(BLOCKS, [part("scope do"), part("policy first do")]).strip() == ""


def test_occurrences_count_lines_and_else_text() -> None:
    """A part that is named by a line is not counted again within others."""
    assert 1 == occurrences(LIST, part("One,"))
    assert 1 == occurrences(LIST, part("First"))
    assert 0 == occurrences(LIST, part("Four"))
    assert 2 == occurrences("a\na\n", part("a"))
