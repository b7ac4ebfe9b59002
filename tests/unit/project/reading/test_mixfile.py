"""What mix.exs says, however it is put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.project.reading.mixfile import MixFile, read_mixfile
from rollout.project.reading.sources import Sources
from tests.unit.project.repositories import write


def read(folder: Path, body: str) -> MixFile:
    found = read_mixfile(Sources(write(folder, {"mix.exs": f"defmodule M do\nuse Mix.Project\n{body}\nend\n"})), ".")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [
        "def project do\n[app: :shop, deps: deps()]\nend\ndefp deps do\n[{:phoenix, \"~> 1.7\"}]\nend",
        "@app :shop\ndef project, do: [app: @app, deps: deps()]\ndefp deps, do: [{:phoenix, \">= 0.0.0\"}]",
        "@app :shop\ndef project do\nx = 1\n[\napp: @app,\ndeps: web() ++ other()\n]\nend\n"
        "defp web do\n[{:phoenix, path: \"../phoenix\"}]\nend\ndefp other, do: []",
        "def project do\n[app: :shop, deps: deps(Mix.env())]\nend\n"
        "defp deps(:prod), do: [{:jason, \"1.0\"}]\ndefp deps(_), do: deps(:prod) ++ [{:phoenix, \"~> 1.7\"}]",
        "def project() do\n[{:app, :shop}, {:deps, [phoenix()]}]\nend\ndefp phoenix, do: {:phoenix, \"~> 1.7\"}",
    ],
)  # fmt: skip
def test_application_and_dependencies_are_found(tmp_path: Path, body: str) -> None:
    """In functions, attributes, lists that are joined, and functions that call themselves."""
    found = read(tmp_path, body)
    assert found.app is not None
    assert "shop" == found.app.value
    assert "phoenix" in found.dependencies


def test_names_of_aliases_and_releases_are_found(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'def project do\n[app: :a, aliases: aliases(), releases: [one: [], two: [steps: [:assemble]]]]\nend\n'
        'defp aliases do\n[setup: ["deps.get"], "assets.deploy": "x"]\nend',
    )  # fmt: skip
    assert ["setup", "assets.deploy"] == list(found.aliases)
    assert {"one": "mix.exs:4", "two": "mix.exs:4"} == found.releases


def test_functions_that_call_each_other_without_end_do_no_harm(tmp_path: Path) -> None:
    found = read(tmp_path, "def project, do: [app: a(), deps: a()]\ndefp a, do: b()\ndefp b, do: a()\n@x @x")
    assert (None, {}) == (found.app, found.dependencies)
