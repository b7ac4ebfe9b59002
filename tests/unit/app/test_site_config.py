"""The file of configuration that points a copy at its deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.app.site_config import FILE, MAIN, lay, otp_app, variables_of_repo
from rollout.errors import PostconditionFailed
from rollout.project.file import loads
from rollout.project.project import Project

CONFIG = """import Config
config :shop, ecto_repos: [Shop.Repo]
config :shop_web, ShopWeb.Endpoint.Other, url: []
config(:shop_web, ShopWeb.Endpoint, url: [host: "localhost"])
import_config "#{config_env()}.exs"
"""


def project(*repos: str, endpoint: str = "ShopWeb.Endpoint", more: str = "") -> Project:
    return loads(f'[application]\nname = "shop"\nendpoint = "{endpoint}"\nrepos = {list(repos)}\n{more}'
                 if endpoint else f'[application]\nname = "shop"\n{more}')  # fmt: skip


@pytest.fixture
def application(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / MAIN).write_text(CONFIG)
    return tmp_path


def test_only_the_end_of_the_main_configuration_changes(application: Path) -> None:
    """What is imported last wins over config/dev.exs."""
    assert (MAIN, FILE) == lay(application, project("Shop.Repo"))
    assert CONFIG + '\nimport_config "rollout_site.exs"\n' == (application / MAIN).read_text()


def test_a_repo_reads_its_url_in_development_and_tests_only(application: Path) -> None:
    lay(application, project("Shop.Repo"))
    text = (application / FILE).read_text()
    assert "if config_env() in [:dev, :test] do" in text
    assert 'name = if config_env() == :test, do: "TEST_DATABASE_URL", else: "DATABASE_URL"' in text
    assert "config :shop, Shop.Repo,\n    url: System.fetch_env!(name)," in text


def test_every_repo_has_variables_of_its_own(application: Path) -> None:
    lay(application, project("Shop.Repo", "Shop.Archive"))
    text = (application / FILE).read_text()
    assert ("DATABASE_URL_2", "TEST_DATABASE_URL_2") == variables_of_repo(2)
    assert all(f'"{name}"' in text for number in (1, 2) for name in variables_of_repo(number))


def test_the_endpoint_is_configured_under_the_application_that_reads_it(application: Path) -> None:
    """In an umbrella that is not the application of the database."""
    lay(application, project("Shop.Repo"))
    assert "config :shop_web, ShopWeb.Endpoint, http: [ip: ip, port: port]" in (application / FILE).read_text()
    assert ("shop_web", "shop") == (otp_app(application, "ShopWeb.Endpoint", "shop"), otp_app(application, "X", "shop"))


def test_without_a_database_only_the_port_is_set(application: Path) -> None:
    lay(application, project("Shop.Repo", more="[database]\nneeded = false\n"))
    text = (application / FILE).read_text()
    assert "Shop.Repo" not in text
    assert "ShopWeb.Endpoint" in text


def test_an_application_without_repo_and_endpoint_stays_as_it_is(application: Path) -> None:
    assert () == lay(application, project(endpoint=""))
    assert CONFIG == (application / MAIN).read_text()
    assert not (application / FILE).exists()


def test_a_file_of_that_name_in_the_repository_is_not_overwritten(application: Path) -> None:
    (application / FILE).write_text("theirs")
    with pytest.raises(PostconditionFailed, match=r"no file config/rollout_site\.exs"):
        lay(application, project("Shop.Repo"))
    assert "theirs" == (application / FILE).read_text()


def test_an_application_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PostconditionFailed, match=r"config/config\.exs") as caught:
        lay(tmp_path, project("Shop.Repo"))
    assert "configuration_invalid" == caught.value.cause
