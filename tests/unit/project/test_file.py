"""rollout.toml becomes a Project. An error has the line, the table, the problem and the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.project.file import InvalidProject, load, loads
from rollout.project.project import Application, Hook, Project, Release, Service

LEAST = '[application]\nname = "shop"\n'


def test_a_name_is_enough() -> None:
    """Everything else has a default."""
    project = loads(LEAST)
    assert Project(application=Application(name="shop")) == project
    assert ("shop", "shop") == (project.title, project.release_name)
    assert ("mix phx.server", "PORT", "/") == (
        project.server.command,
        project.server.port_variable,
        project.server.ready,
    )


def test_every_table_is_read() -> None:
    project = loads(
        LEAST
        + """
        repos = ["Shop.Repo", "Shop.Events.Repo"]
        [environment]
        SEARCH = "http://{service.search.host}:{service.search.port}/{port}"
        JSON = '{"a": {"b": 1}}'
        [release]
        variables = { SECRET_KEY_BASE = "generate:64", DATABASE_URL = "{database_url}" }
        [services.search]
        image = "opensearch:2"
        port = 9200
        environment = { LEVEL = "warn" }
        [[hook]]
        before = "server"
        command = "mix seed"
        undo = "mix unseed"
        [[hook]]
        after = "server"
        command = "true"
        [checks]
        leave_out = { test_live_page = "no LiveView" }
        """
    )
    assert ("Shop.Repo", "Shop.Events.Repo") == project.application.repos
    assert ("JSON", '{"a": {"b": 1}}') == project.environment[1]
    assert (
        Release(variables=(("SECRET_KEY_BASE", "generate:64"), ("DATABASE_URL", "{database_url}"))) == project.release
    )
    search = Service(image="opensearch:2", port=9200, environment=(("LEVEL", "warn"),))
    assert (("search", search),) == project.services
    assert (Hook(before="server", command="mix seed", undo="mix unseed"),) == project.hooks(before="server")
    assert ["true"] == [hook.command for hook in project.hooks(after="server")]
    assert (("test_live_page", "no LiveView"),) == project.checks.leave_out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "rollout.toml: missing: application"),
        ("[application]\n", "line 1, [application]: missing: name"),
        ("[aplication]\n", "line 1: unknown key 'aplication'; did you mean 'application'?"),
        (f"{LEAST}[server]\ncomand = 'x'", "line 4, [server]: unknown key 'comand'; did you mean 'command'?"),
        (f"{LEAST}[server]\n\nlive = 1", "line 5, [server]: live=1 is not text"),
        (f"{LEAST}[server]\nlive = 'up'", "line 4, [server]: live='up' is not a path that begins with a slash"),
        (f"{LEAST}[server]\npages = ['/',\n'a b']", "line 5, [server]: pages 2='a b' is not a path"),
        (f"{LEAST}[server]\ncommand = \"mix 'x\"", "line 4, [server]: command=\"mix 'x\" is not a command: no closing"),
        (f"{LEAST}[server]\ncommand = ' '", "line 4, [server]: command=' ' is not a command"),
        (f"{LEAST}repos = ['shop.Repo']", "line 3, [application]: repos 1='shop.Repo' is not the name of a module"),
        (f"{LEAST}root = '../x'", "line 3, [application]: root='../x' is not a folder below the repository"),
        (f"{LEAST}root = '/x'", "line 3, [application]: root='/x' is not a folder below the repository"),
        (f"{LEAST}[database]\nport = 65536", "line 4, [database]: port=65536 is not a number from 1 to 65535"),
        (f"{LEAST}[database]\nport = 0", "line 4, [database]: port=0 is not a number"),
        (f"{LEAST}[environment]\nPORT = 4000", "line 4: environment.PORT=4000 is not text"),
        (f"{LEAST}[environment]\nA-B = 'x'", "line 4, [environment]: the name 'A-B' is not the name of an environment"),
        (f"{LEAST}[environment]\nA = '{{prot}}'", "[environment]: unknown placeholder 'prot'; did you mean 'port'?"),
        (f"{LEAST}[environment]\nA = 'generate:9'", "line 4, [environment]: A='generate:9' is not a value"),
        (f"{LEAST}[release.variables]\nA = 'generate:x'", "[release.variables]: A='generate:x' is not generate:N"),
        (f"{LEAST}[compile]\nwarnings = 'fail'", "line 4, [compile]: warnings='fail' is not 'show' or 'gate'"),
        (f"{LEAST}[services.x]\nport = 1", "line 3, [services.x]: missing: image"),
        (f"{LEAST}[services.x]\nimage = 'i'\nport = 1\nprot = 2", "line 6, [services.x]: unknown key 'prot'"),
        (f"{LEAST}[services.X]\nimage = 'i'\nport = 1", "line 3, [services]: the name 'X' is not lower-case letters"),
        (f"{LEAST}[[hook]]\nbefore = 'x'\ncommand = 'a'\n[[hook]]\ncommand = 'a'", "line 6, [[hook]] 2: it needs"),
        (f"{LEAST}[[hook]]\nbefore = 'x'\nafter = 'y'\ncommand = 'a'", "line 3, [[hook]] 1: it needs either"),
        (f"{LEAST}[[hook]]\nbefor = 'x'", "line 4, [[hook]] 1: unknown key 'befor'; did you mean 'before'?"),
        (f"{LEAST}[application]", "rollout.toml, syntax: Cannot declare ('application',) twice (at line 3"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_an_error_with_a_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "rollout.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidProject) as raised:
        load(file)
    assert problem in str(raised.value)
    assert "Correct the file" in raised.value.advice


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match=r"rollout.toml does not exist. `python -m rollout init` writes it."):
        load(tmp_path / "rollout.toml")


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    """Some editors write them. Lines are counted all the same."""
    file = tmp_path / "rollout.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert "shop" == load(file).application.name
    file.write_bytes(file.read_bytes() + b"x = 1\r\n")
    with pytest.raises(InvalidProject, match=r"line 3, \[application\]: unknown key 'x'"):
        load(file)
