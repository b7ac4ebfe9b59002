"""`init` reads a repository of each shape and writes a rollout.toml that loads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.__main__ import main
from rollout.errors import InvalidOption, RolloutError
from rollout.project.cli import init, parse_words
from rollout.project.errors import (
    FileInTheWay,
    NoEndpoint,
    NoFolder,
    NoMixFile,
    NoPhoenix,
    NotWritable,
    SeveralApplications,
)
from rollout.project.file import load
from rollout.project.project import Project
from rollout.project.schema import schema_text
from tests.unit.project.repositories import (
    CONFIG,
    DEV,
    ENDPOINT,
    MIX,
    PLAIN,
    REPO,
    ROUTER,
    RUNTIME,
    repository,
    umbrella,
    write,
)


def made(folder: Path, root: str = "") -> tuple[Project, str, str]:
    """(the project, the file, what was printed) of a first init."""
    said: list[str] = []
    assert 0 == init(folder, root=root, out=said.append)
    text = (folder / "rollout.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    return load(folder / "rollout.toml"), text, "\n".join(said)


def test_a_plain_application_is_read_without_a_question(tmp_path: Path) -> None:
    project, text, said = made(repository(tmp_path))
    assert ("shop", "Shop", "ShopWeb.Endpoint") == (
        project.application.name, project.application.module, project.application.endpoint
    )  # fmt: skip
    assert ("Shop.Repo",) == project.application.repos
    assert "~> 1.15" == project.application.elixir
    assert ("", 4010) == (project.server.port_variable, project.server.port)
    assert ("/", ("/", "/about")) == (project.server.ready, project.server.pages)
    database = project.database
    assert ("db.local", 5433, "shop", "secret") == (database.host, database.port, database.username, database.password)
    assert "DATABASE_URL" == database.url_variable
    assert {"DATABASE_URL": "{database_url}", "SECRET_KEY_BASE": "generate:64", "PORT": "{port}",
            "PHX_HOST": "localhost", "PHX_SERVER": "true"} == dict(project.release.variables)  # fmt: skip
    assert ("esbuild", "mix do assets.setup + assets.build", "mix assets.deploy") == (
        project.assets.kind, project.assets.command, project.assets.deploy
    )  # fmt: skip
    assert "Please check" not in said
    assert "# ? " not in text


def test_a_guess_says_what_it_was_made_from(tmp_path: Path) -> None:
    """File and line. What stands in comments and texts is no sign."""
    _, text, said = made(repository(tmp_path))
    for line in (
        'name = "shop"  # mix.exs:7',
        'repos = ["Shop.Repo"]  # lib/shop/repo.ex:2',
        "port = 4010  # config/dev.exs:11",
        'live = "/"  # lib/shop_web/router.ex:10; no health route was found',
        'host = "db.local"  # config/dev.exs:6',
        'DATABASE_URL = "{database_url}"  # config/runtime.exs:9',
        "#:schema rollout.schema.json",
    ):
        assert line in text.splitlines()
    assert "Phoenix mix.exs:21" in said
    assert not {"Oban", "OtherRepo", "NOT_THIS_ONE"} & set(text.replace('"', " ").split())


def test_an_umbrella_is_read_with_its_applications(tmp_path: Path) -> None:
    project, text, said = made(umbrella(tmp_path))
    assert ("umbrella", "shop_web", "ShopWeb.Endpoint") == (
        project.application.kind, project.application.name, project.application.endpoint
    )  # fmt: skip
    assert ("Shop.Repo",) == project.application.repos
    assert 4010 == project.server.port
    assert ("npm", "sh -c 'cd apps/shop_web && mix assets.deploy'") == (project.assets.kind, project.assets.deploy)
    assert "all" == project.release.name
    assert "there are also Office.Endpoint" in said
    assert "# ? apps/shop_web/lib/shop_web/endpoint.ex:2; there are also Office.Endpoint" in text


def test_ash_and_oban_are_named_with_their_places(tmp_path: Path) -> None:
    mix = MIX.replace("# {:oban", '{:ash, "~> 3.0"},\n      {:ash_postgres, "~> 2.0"},\n      {:oban')
    repo = "defmodule Shop.Repo do\n  use AshPostgres.Repo, otp_app: :shop\nend\n"
    config = CONFIG.replace("import_config", "config :shop, ash_domains: [Shop.Sales, Shop.Stock]\nimport_config")
    folder = repository(tmp_path, mix_exs=mix, lib__shop__repo_ex=repo, config__config_exs=config)
    project, _, said = made(folder)
    assert ("Shop.Repo",) == project.application.repos
    assert "Ash mix.exs:25 with 2 domains config/config.exs:6" in said
    assert "Oban mix.exs:27" in said


def test_an_api_without_a_start_page_is_asked_for_one(tmp_path: Path) -> None:
    router = (
        'defmodule ShopWeb.Router do\n  use ShopWeb, :router\n  scope "/api" do\n    pipe_through :api\n'
        '    resources "/carts", C, except: [:index]\n    resources "/items", C, only: [:index]\n  end\nend\n'
    )
    project, text, said = made(repository(tmp_path, lib__shop_web__router_ex=router))
    assert () == project.server.pages
    assert 'live = "/api/items"  # ? no health route was found; which path answers 200 to a visitor?' in text
    number = 1 + [line.partition(" ")[0] for line in text.splitlines()].index("live")
    assert f"- rollout.toml, line {number}, server.live: no health route was found; which path" in said


@pytest.mark.parametrize(
    ("router", "endpoint", "live", "ready"),
    [
        (ROUTER.replace("/about", "/health"), ENDPOINT, "/health", "/health"),
        (ROUTER.replace("/about", "/healthz/live").replace("/items/:id", "/healthz/ready"), ENDPOINT,
         "/healthz/live", "/healthz/ready"),
        (ROUTER, ENDPOINT.replace("plug ShopWeb", 'plug Heartbeat, path: "/heartbeat"\n  plug ShopWeb'),
         "/heartbeat", "/heartbeat"),
        (ROUTER, ENDPOINT + 'defmodule Up do\n  def call(%{request_path: "/up"} = conn, _), do: conn\nend\n',
         "/up", "/up"),
        (ROUTER.replace("/stock", "/health"), ENDPOINT, "/", "/"),
    ],
)  # fmt: skip
def test_a_health_route_is_found_where_it_is_answered(
    tmp_path: Path, router: str, endpoint: str, live: str, ready: str
) -> None:
    """In the router, as an option of a plug, in a plug that matches the path; not behind a sign-in."""
    folder = repository(tmp_path, lib__shop_web__router_ex=router, lib__shop_web__endpoint_ex=endpoint)
    project, _, _ = made(folder)
    assert (live, ready) == (project.server.live, project.server.ready)


@pytest.mark.parametrize(
    ("lock", "command"),
    [
        ("package-lock.json", "npm ci --prefix assets"),
        ("yarn.lock", "yarn --cwd assets install --frozen-lockfile"),
        ("pnpm-lock.yaml", "pnpm --dir assets install --frozen-lockfile"),
        ("README.md", "npm install --prefix assets"),
    ],
)
def test_a_build_with_npm_uses_the_manager_of_its_lock_file(tmp_path: Path, lock: str, command: str) -> None:
    mix = MIX.replace('"assets.', '"other.').replace("{:esbuild,", "{:jason,")
    package = '{"scripts": {"deploy": "webpack"}, "devDependencies": {"webpack": "5"}}'
    folder = repository(tmp_path, mix_exs=mix, assets__package_json=package)
    project, _, _ = made(write(folder, {f"assets/{lock}": ""}))
    assert ("npm", command) == (project.assets.kind, project.assets.command)
    assert project.assets.deploy.startswith(f"sh -c '{command} && ")
    assert "run deploy" in project.assets.deploy


@pytest.mark.parametrize(
    ("adapter", "database"),
    [("Ecto.Adapters.SQLite3", "SQLite"), ("Ecto.Adapters.MyXQL", "MySQL"), ("My.Adapter", "My.Adapter")],
)
def test_another_database_than_postgresql_is_said_not_to_be_supported(
    tmp_path: Path, adapter: str, database: str
) -> None:
    project, text, said = made(repository(tmp_path, lib__shop__repo_ex=REPO.replace("Ecto.Adapters.Postgres", adapter)))
    assert (False, ()) == (project.database.needed, project.application.repos)
    assert "{database_url}" not in text
    assert f"needed = false  # Shop.Repo is on {database}" in text
    assert f"Not supported: Shop.Repo is on {database} (lib/shop/repo.ex:2). Only PostgreSQL is" in said


def test_settings_that_a_release_cannot_change_are_named(tmp_path: Path) -> None:
    """Without config/runtime.exs, and for what config/prod.exs reads."""
    prod = 'import Config\nconfig :shop, ShopWeb.Endpoint, secret_key_base: System.get_env("SECRET_KEY_BASE")\n'
    _, _, said = made(repository(tmp_path, config__runtime_exs=None, config__prod_exs=prod, config__test_exs=None))
    assert "There is no config/runtime.exs: a release has the settings of the machine that built it." in said
    assert "Read while compiling, so that a release keeps their values: SECRET_KEY_BASE (config/prod.exs:2)." in said
    assert "Nothing starts the server of a release" in said
    assert "config/test.exs is missing" in said


def test_required_variables_have_values_and_those_without_a_source_are_questions(tmp_path: Path) -> None:
    """By use, by a service, by an example of the repository, else made up."""
    runtime = RUNTIME.replace(
        "  host =",
        '  System.fetch_env!("STRIPE_KEY")\n  System.fetch_env!("REDIS_URL")\n  System.fetch_env!("MAIL_FROM")\n'
        '  if x, do: System.fetch_env!("ONLY_SOMETIMES")\n  host =',
    )
    compose = """
# services: {}
services:
  db:
    image: postgres:16
  cache:
    image: "redis:7"   # the cache
    ports:
      - "127.0.0.1:6380:6379"
    environment:
      LEVEL: ${LEVEL:-warn}
  grafana:
    image: grafana/grafana
    ports: ["3000:3000"]
"""
    folder = repository(tmp_path, config__runtime_exs=runtime)
    project, text, said = made(
        write(folder, {"docker-compose.yml": compose, ".env.example": "export MAIL_FROM='shop@example.com'\n"})
    )
    variables = dict(project.release.variables)
    assert "redis://{service.cache.host}:{service.cache.port}" == variables["REDIS_URL"]
    assert ("shop@example.com", "generate:64") == (variables["MAIL_FROM"], variables["STRIPE_KEY"])
    assert "ONLY_SOMETIMES" not in variables
    ((name, cache),) = project.services
    assert ("cache", "redis:7", 6379, (("LEVEL", "warn"),)) == (name, cache.image, cache.port, cache.environment)
    assert 'STRIPE_KEY = "generate:64"  # ? config/runtime.exs:18 requires it; made up' in text
    assert "release.variables: nothing says the values of STRIPE_KEY; they are made up." in said
    assert "Required only under a condition, and not in the file: ONLY_SOMETIMES (config/runtime.exs:21)." in said
    assert "Services that are not in the file; add those that it needs: grafana (docker-compose.yml:12)." in said


def test_variables_of_development_are_those_it_fails_without_and_those_of_its_database(tmp_path: Path) -> None:
    dev = DEV.replace('hostname: "db.local"', 'hostname: System.get_env("DB_HOST", "pg")').replace(
        "port: 4010", 'port: String.to_integer(System.get_env("HTTP_PORT") || "4020")'
    )
    dev += 'config :shop, salt: System.fetch_env!("SALT"), x: System.get_env("X")\n'
    project, _, _ = made(repository(tmp_path, config__dev_exs=dev))
    assert {"DB_HOST", "SALT"} == set(dict(project.environment))
    assert "{database.host}" == dict(project.environment)["DB_HOST"]
    assert ("HTTP_PORT", 4020, "pg") == (project.server.port_variable, project.server.port, project.database.host)


def test_a_variable_is_not_what_it_is_only_a_part_of(tmp_path: Path) -> None:
    """MIX_TEST_PARTITION is a part of the URL of the database, and not the URL."""
    test = (
        'import Config\nurl = "ecto://shop@db/shop_test#{System.get_env("MIX_TEST_PARTITION")}"\n'
        "config :shop, Shop.Repo, url: url\n"
    )
    project, _, _ = made(repository(tmp_path, config__test_exs=test))
    assert () == project.environment


def test_settings_of_a_repository_are_found_in_a_call(tmp_path: Path) -> None:
    """And an Elixir variable has the value of its last assignment above."""
    runtime = (
        'import Config\nhost = System.get_env("PGHOST")\n'
        'config :shop, Shop.Repo, without_nil.(hostname: host, port: if(x, do: System.get_env("PGPORT"), else: nil))\n'
        'host = System.get_env("STATSD_HOST")\nconfig :statsd, host: host\n'
    )
    project, _, _ = made(repository(tmp_path, config__runtime_exs=runtime))
    assert {"PGHOST": "{database.host}", "PGPORT": "{database.port}"} == dict(project.environment)


def test_a_port_that_no_setting_says_is_that_of_port(tmp_path: Path) -> None:
    """Or else a question."""
    dev = DEV.replace("http: [ip: {127, 0, 0, 1}, port: 4010],", 'http: binding(System.get_env("PORT", "4030")),')
    project, _, said = made(repository(tmp_path / "one", config__dev_exs=dev))
    assert ("PORT", 4030) == (project.server.port_variable, project.server.port)
    assert "server.port" not in said
    _, _, said = made(repository(tmp_path / "two", config__dev_exs=dev.replace("PORT", "X"), config__runtime_exs=None))
    assert "server.port: no setting says the port in development; 4000 is the default of Phoenix." in said


@pytest.mark.parametrize("imports", [True, False])
def test_the_secrets_of_an_old_phoenix_count_if_they_are_imported(tmp_path: Path, imports: bool) -> None:
    secret = (
        'import Config\nconfig :shop, ShopWeb.Endpoint, secret_key_base: System.fetch_env!("OLD_SECRET_KEY_BASE")\n'
    )
    prod = "import Config\n" + 'import_config "prod.secret.exs"\n' * imports
    folder = write(repository(tmp_path, config__prod_exs=prod), {"config/prod.secret.exs": secret})
    project, _, _ = made(folder)
    assert imports == ("OLD_SECRET_KEY_BASE" in dict(project.release.variables))


@pytest.mark.parametrize(
    ("pipelines", "is_open"),
    [(":browser", True), ("[:browser, :authOptional]", True), ("[:browser, :require_user]", False),
     ("[:browser, ShopWeb.AuthPlug]", False), ("[:browser, :redirect_if_user_is_authenticated]", True)],
)  # fmt: skip
def test_a_page_behind_a_sign_in_is_not_asked(tmp_path: Path, pipelines: str, is_open: bool) -> None:
    router = ROUTER.replace("pipe_through :browser", f"pipe_through {pipelines}")
    project, _, _ = made(repository(tmp_path, lib__shop_web__router_ex=router))
    assert is_open == ("/" in project.server.pages)


@pytest.mark.parametrize(
    ("files", "elixir", "otp"),
    [
        ({".tool-versions": "# elixir 1.0\nelixir 1.17.2-otp-27\nerlang 27.0\n"}, "1.17.2-otp-27", "27.0"),
        ({"mise.toml": '[tools]\nelixir = "1.18"\nerlang = { version = "27" }\n'}, "1.18", "27"),
        ({"Dockerfile": "ARG ELIXIR_VERSION=1.16.0\nARG OTP_VERSION=26.2\n"}, "1.16.0", "26.2"),
        ({"mise.toml": "[tools"}, "~> 1.15", ""),
    ],
)
def test_the_versions_asked_for_are_found(tmp_path: Path, files: dict[str, str], elixir: str, otp: str) -> None:
    project, _, _ = made(write(repository(tmp_path), files))
    assert (elixir, otp) == (project.application.elixir, project.application.otp)


def test_release_and_migrate_command_are_found(tmp_path: Path) -> None:
    """A script wins over the function that it calls."""
    mix = MIX.replace("deps: deps()", "deps: deps(), releases: [store: [], shop: []]")
    release = "defmodule Shop.Release do\n  def migrate do\n    :ok\n  end\nend\n"
    folder = repository(tmp_path, mix_exs=mix, lib__shop__release_ex=release)
    project, _, said = made(folder)
    assert ("shop", "eval Shop.Release.migrate") == (project.release.name, project.release.migrate)
    assert "there are also store" in said
    write(folder, {"rel/overlays/bin/migrate": "#!/bin/sh\n"})
    (folder / "rollout.toml").unlink()
    assert "bin/migrate" == made(folder)[0].release.migrate


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_other_line_ends_a_byte_order_mark_and_other_letters_do_no_harm(tmp_path: Path, newline: str) -> None:
    mix = "\ufeff# größe: „app: :falsch“ — 日本\n" + MIX
    project, text, _ = made(repository(tmp_path / "läden", mix_exs=mix, newline=newline))
    assert "shop" == project.application.name
    assert 'name = "shop"  # mix.exs:8' in text


def test_an_application_in_a_folder_is_found(tmp_path: Path) -> None:
    """It is the only one. Places and root say where it is."""
    project, text, _ = made(repository(tmp_path, prefix="services/shop/"))
    assert "services/shop" == project.application.root
    assert 'name = "shop"  # services/shop/mix.exs:7' in text


def test_a_second_init_shows_a_diff_and_changes_nothing(tmp_path: Path) -> None:
    """Unless it may."""
    folder = repository(tmp_path)
    _, first, _ = made(folder)
    said: list[str] = []
    assert 0 == init(folder, out=said.append)
    assert [f"{folder / 'rollout.toml'} is as init would write it."] == said
    edited = first.replace("4010", "4011")
    (folder / "rollout.toml").write_text(edited, encoding="utf-8")
    said.clear()
    assert 0 == init(folder, out=said.append)
    assert {"--- rollout.toml", "-port = 4011  # config/dev.exs:11", "+port = 4010  # config/dev.exs:11"} <= set(said)
    assert "is unchanged. `--write` replaces it" in said[-1]
    assert edited == (folder / "rollout.toml").read_text(encoding="utf-8")
    assert 0 == init(folder, write=True, out=said.append)
    assert first == (folder / "rollout.toml").read_text(encoding="utf-8")
    assert {"rollout.toml"} == {path.name for path in folder.iterdir() if "rollout" in path.name}


def _two(folder: Path) -> Path:
    repository(folder, prefix="one/")
    return repository(folder, prefix="two/")


def _link(folder: Path) -> Path:
    repository(folder)
    (folder / "rollout.toml").symlink_to(folder / "elsewhere.toml")
    return folder


def _outside(folder: Path) -> Path:
    write(folder, {"outside.exs": MIX})
    repository(folder / "shop", mix_exs=None)
    (folder / "shop/mix.exs").symlink_to(folder / "outside.exs")
    return folder / "shop"


def _pipe(folder: Path) -> Path:
    repository(folder, mix_exs=None)
    os.mkfifo(folder / "mix.exs")
    return folder


REFUSED: dict[str, tuple[Callable[[Path], Path], type[RolloutError], str]] = {
    "missing": (lambda folder: folder / "nowhere", NoFolder, "it does not exist"),
    "file": (lambda folder: write(folder, {"x": ""}) / "x", NoFolder, "it is not a folder"),
    "empty": (lambda folder: folder, NoMixFile, "has no mix.exs. Name the folder of a Phoenix application"),
    "library below": (lambda folder: write(folder, {"lib1/mix.exs": MIX.replace("{:phoenix", "{:plug")}), NoMixFile,
                      "has no mix.exs. Below it: lib1."),
    "several": (_two, SeveralApplications,
                "several Phoenix applications below it: one, two. Say which, such as --root=one"),
    "no phoenix": (lambda folder: repository(folder, mix_exs=MIX.replace("{:phoenix", "{:plug")), NoPhoenix,
                   "nothing in mix.exs depends on Phoenix"),
    "example in a library": (
        lambda folder: repository(write(folder, {"mix.exs": MIX.replace("{:phoenix", "{:plug")}), prefix="example/"),
        NoPhoenix, "There is a Phoenix application in example: --root=example."),
    "no endpoint": (lambda folder: repository(folder, lib__shop_web__endpoint_ex=None), NoEndpoint,
                    "no module below lib/ has `use Phoenix.Endpoint`. A library cannot be deployed"),
    "broken": (lambda folder: repository(folder, mix_exs='defmodule X do\n "'), NoMixFile,
               'mix.exs cannot be read: line 2: what " should close is not closed'),
    "empty mix.exs": (lambda folder: repository(folder, mix_exs=""), NoMixFile, "cannot be read: it is empty"),
    "no project": (lambda folder: repository(folder, mix_exs="IO.puts(1)\n"), NoMixFile, "neither app: nor apps_path:"),
    "name with a line break": (lambda folder: repository(folder, prefix="a\nb/"), NotWritable,
                               "init cannot say in rollout.toml what it read"),
    "folder instead": (lambda folder: repository(write(folder, {"mix.exs/x": ""}), mix_exs=None), NoMixFile,
                       "it is not a regular file"),
    "pipe": (_pipe, NoMixFile, "it is not a regular file"),
    "outside": (_outside, NoMixFile, "it is a link to a file outside the repository"),
    "link": (_link, FileInTheWay, "rollout.toml cannot be written: it is a link"),
    "folder": (lambda folder: repository(write(folder, {"rollout.toml/x": ""})), FileInTheWay,
               "it is not a regular file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_with_the_way_on(tmp_path: Path, case: str) -> None:
    """What, where, how to go on. Nothing is written."""
    make, error, message = REFUSED[case]
    folder = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error) as raised:
        init(folder, out=lambda line: None)
    assert message in str(raised.value)
    assert raised.value.advice
    assert before == sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("root", "error", "message"),
    [
        ("../shop", InvalidOption, "--root='../shop' is not valid. Expected: a folder below the repository"),
        ("/etc", InvalidOption, "--root='/etc' is not valid"),
        ("nowhere", NoMixFile, "nowhere has no mix.exs"),
    ],
)
def test_a_root_is_a_folder_below_with_a_mix_file(
    tmp_path: Path, root: str, error: type[RolloutError], message: str
) -> None:
    with pytest.raises(error) as raised:
        init(repository(tmp_path / "shop"), root=root, out=lambda line: None)
    assert message in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """The rest is read all the same."""
    folder = repository(tmp_path, config__dev_exs='config :shop, "')
    (folder / "config/test.exs").write_bytes(b"\xff\xfe")
    project, _, said = made(folder)
    assert "shop" == project.application.name
    assert 'Could not be read: config/dev.exs: line 1: what " should close is not closed.' in said
    assert "Could not be read: config/test.exs: it is not UTF-8." in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (Path(), "", False)),
        (["shop"], (Path("shop"), "", False)),
        (["--write", "shop", "--root=apps/web/"], (Path("shop"), "apps/web", True)),
        (["a", "b"], None),
        (["--wriet"], None),
    ],
)
def test_the_words_of_the_command_are_understood(words: list[str], expected: tuple[Path, str, bool] | None) -> None:
    found = parse_words(words)
    assert expected == (None if found is None else (found.folder, found.root, found.write))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_files_in_any_state_are_read_or_refused(data: st.DataObject) -> None:
    """With a piece cut out, doubled, or replaced by signs that open and close something."""
    files = dict(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(files)))
        content = files[name]
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(len(content), begin + 60)))
        piece = data.draw(
            st.sampled_from(["", content[begin:end] * 2, '"', '"""', "do ", " end", "#{", "(", "]", "~s("])
        )
        files[name] = content[:begin] + piece + content[end:]
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(RolloutError):
        made(write(Path(folder), files))


def test_the_command_writes_refuses_and_prints_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m rollout init`, with its exit codes."""
    folder = repository(tmp_path / "shop")
    assert 0 == main(["init", str(folder)])
    assert "rollout.toml is written" in capsys.readouterr().out
    assert 1 == main(["init", str(tmp_path / "nowhere")])
    assert "ERROR:" in capsys.readouterr().err
    assert 2 == main(["init", "--wriet"])
    assert "init [FOLDER] [--root=FOLDER] [--write]" in capsys.readouterr().err
    assert 0 == main(["init", "--schema"])
    assert schema_text() == capsys.readouterr().out
