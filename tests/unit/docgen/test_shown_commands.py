"""How the tests read commands from a page, and compare what they print with what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import Shown, missing_lines, shown_commands

PAGE = """Text.

```console
$ make status                 # what is up
xavos  http://127.0.0.1:4001  running

$ make undeploy ARGS="a # b"
```

1. Step

    ```console
    $ pytest --plan
    ```

```json
$ no command
```
"""


def test_commands_are_read_with_what_they_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    assert (
        Shown(command="make status", output=("xavos  http://127.0.0.1:4001  running",)),
        Shown(command='make undeploy ARGS="a # b"', output=()),
        Shown(command="pytest --plan", output=()),
    ) == shown_commands(page)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("13 phases passed in 7 min 39 s; 127 checks", "13 phases passed in 20.1 s; 131 checks"),
        ("  server      6.2 s  passed", "  server   1 min 2 s  passed"),
        ("Report: …/report.html", "Report: /tmp/x/reports/20261128-034055-8b08ef/report.html"),
    ],
)
def test_numbers_and_durations_may_differ(shown: str, printed: str) -> None:
    assert () == missing_lines(Shown(command="x", output=(shown,)), f"before\n{printed}\nafter")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("13 phases passed", "13 phases failed"),
        ("13 phases passed", "13 phases passed, 1 failed"),
        ("  server  6.2 s  passed", "  server  6.2 s  failed"),
        ("Report: …/report.html", "Report: /tmp/x/other.html"),
        ("Ready.", ""),
    ],
)
def test_words_may_not(shown: str, printed: str) -> None:
    assert (shown,) == missing_lines(Shown(command="x", output=(shown,)), printed)
