"""What the writer writes loads to the same project, and the JSON schema agrees with the loader."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.config.options import ROOT
from rollout.project.file import loads
from rollout.project.guessing.draft import Note
from rollout.project.keys import keys_of
from rollout.project.project import (
    Application,
    Assets,
    Checks,
    Compile,
    Database,
    Hook,
    Migrations,
    OwnTests,
    Project,
    Release,
    Server,
    Service,
)
from rollout.project.schema import json_schema, schema_text, tables
from rollout.project.writer import LONGEST, render
from rollout.text.toml_records import InvalidRecord, Place

ANY = st.text(st.characters(codec="utf-8", exclude_characters="{}")).filter(
    lambda text: not text.startswith("generate:")
)
LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n{}"), min_size=1)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
MODULE = st.from_regex(r"[A-Z][A-Za-z0-9_]{0,9}(\.[A-Z][a-z]{0,5})?", fullmatch=True)
VARIABLE = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
PATH = st.from_regex(r"/[a-z0-9/~é\"\\]{0,9}", fullmatch=True)
COMMAND = st.sampled_from(["mix test", "sh -c 'a && b'", 'x "y z"', "a\\ b", "ä"])
PORT = st.integers(1, 65535)
VALUE = st.one_of(ANY, st.sampled_from(["{port}", "{database_url}", "x {database.host}", '{"a": 1}']))


def table(
    names: st.SearchStrategy[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.dictionaries(names, values, max_size=4).map(lambda found: tuple(found.items()))


HOOKS = st.one_of(
    st.builds(Hook, before=NAME, command=COMMAND, undo=st.one_of(st.just(""), COMMAND)),
    st.builds(Hook, after=NAME, command=COMMAND),
)
SERVICES = st.builds(
    Service, image=st.from_regex(r"[a-z/:.\"]{1,9}", fullmatch=True), port=PORT, environment=table(VARIABLE, VALUE),
    ready=st.one_of(st.just(""), COMMAND),
)  # fmt: skip
PROJECTS = st.builds(
    Project,
    application=st.builds(
        Application, name=NAME, title=LINE, root=st.sampled_from([".", "a/b", "ü"]),
        module=st.one_of(st.just(""), MODULE), endpoint=MODULE, repos=st.lists(MODULE, max_size=3).map(tuple),
        kind=st.sampled_from(["application", "umbrella"]), elixir=ANY, otp=ANY,
    ),
    server=st.builds(Server, command=COMMAND, port_variable=st.one_of(st.just(""), VARIABLE), port=PORT, live=PATH,
                     ready=PATH, pages=st.lists(PATH, max_size=3).map(tuple)),
    database=st.builds(Database, needed=st.booleans(), url_variable=VARIABLE, host=LINE, port=PORT, username=LINE,
                       password=ANY),
    environment=table(VARIABLE, VALUE),
    tests=st.builds(OwnTests, command=COMMAND, gate=st.booleans()),
    compile=st.builds(Compile, warnings=st.sampled_from(["show", "gate"])),
    assets=st.builds(Assets, kind=st.sampled_from(["esbuild", "npm", "none"]), command=COMMAND, deploy=COMMAND),
    migrations=st.builds(Migrations, back=st.booleans()),
    release=st.builds(Release, name=NAME, migrate=ANY,
                      variables=table(VARIABLE, st.one_of(VALUE, st.just("generate:64")))),
    services=st.dictionaries(NAME, SERVICES, max_size=2).map(lambda found: tuple(found.items())),
    hook=st.lists(HOOKS, max_size=2).map(tuple),
    checks=st.builds(Checks, leave_out=table(LINE, LINE)),
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(PROJECTS, ANY, st.integers(0, 60))
def test_a_written_project_loads_to_the_same(project: Project, comment: str, more: int) -> None:
    """Also with notes of any text, and if the file is so long that variables share a line."""
    longer = {f"VARIABLE_{number}": "x" for number in range(more)}
    variables = {**dict(project.release.variables), **longer}
    whole = replace(project, release=replace(project.release, variables=tuple(variables.items())))
    notes: dict[Place, Note] = {("release", "variables", name): Note(comment) for name in variables}
    notes["application", "name"] = Note(comment, is_question=True)
    written = render(whole, notes, (comment,))
    assert whole == loads(written.text)
    jsonschema.validate(tomllib.loads(written.text), json_schema())
    line = written.text.split("\n")[written.questions["application", "name"] - 1]
    assert line.startswith("name = ")


def test_a_file_is_written_more_tightly_before_it_is_too_long() -> None:
    """First without empty lines, then with the variables on one line, which says how many are made up."""
    names = [f"SECRET_{number}" for number in range(100)]
    notes: dict[Place, Note] = {("release", "variables", name): Note("x", is_question=True) for name in names[:40]}
    variables = tuple((name, "generate:64") for name in names)
    written = render(Project(application=Application(name="shop"), release=Release(variables=variables)), notes)
    lines = written.text.splitlines()
    assert len(lines) <= LONGEST
    assert {1 + number for number, line in enumerate(lines) if line.startswith("variables")} == set(
        written.questions.values()
    )
    assert "# ? 40 of these values are made up" in written.text


@pytest.mark.parametrize(
    "text",
    [
        "", "[application]", "[application]\nname = 'A'", "[application]\nname = 'a'\nx = 1",
        "[application]\nname = 'a'\n[server]\nlive = 'x'", "[application]\nname = 'a'\n[database]\nport = 0",
        "[application]\nname = 'a'\n[environment]\n'A-B' = ''", "[application]\nname = 'a'\n[environment]\nA = 1",
        "[application]\nname = 'a'\nroot = '../b'", "[application]\nname = 'a'\n[assets]\nkind = 'x'",
        "[application]\nname = 'a'\n[services.X]\nimage = 'a'\nport = 1",
        "[application]\nname = 'a'\n[services.x]\nimage = 'a'", "[application]\nname = 'a'\n[[hook]]\nbefore = 'x'",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_loader_refuses(text: str) -> None:
    with pytest.raises(InvalidRecord):
        loads(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), json_schema())


def test_the_published_schema_is_that_of_the_code() -> None:
    """`python -m docgen` writes it. It is a valid schema, and each key has a meaning."""
    published = (ROOT / "docs" / "rollout.schema.json").read_text(encoding="utf-8")
    assert schema_text() == published
    jsonschema.Draft202012Validator.check_schema(json.loads(published))
    for kind in tables().values():
        assert all(key.meaning.endswith(".") for key in keys_of(kind).values())
