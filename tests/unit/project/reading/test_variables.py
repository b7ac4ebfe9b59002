"""Which environment variables a configuration reads, in which Mix environments, and what happens without them."""

from __future__ import annotations

import pytest

from rollout.project.elixir.tree import parse
from rollout.project.reading.conditions import positions
from rollout.project.reading.variables import Lookup, lookup_at


def lookups(source: str) -> dict[str, Lookup]:
    found = (lookup_at(each, "config/runtime.exs") for each in positions(parse(source)))
    return {each.name: each for each in found if each}


@pytest.mark.parametrize(
    ("source", "is_required", "default"),
    [
        ('System.fetch_env!("A")', True, ""),
        ('System.get_env("A")', False, ""),
        ('System.get_env("A", "x")', False, "x"),
        ('System.get_env("A") || "x"', False, "x"),
        ('System.get_env("A") || raise "no A"', True, ""),
        ('System.get_env("A") ||\n  raise """\n  no A\n  """', True, ""),
        ('String.to_integer(System.get_env("A"))', True, ""),
        ('String.to_integer(System.get_env("A") || "10")', False, "10"),
        ('String.to_integer(System.get_env("A", "10"))', False, "10"),
        ('System.get_env("A") |> String.to_integer()', True, ""),
        ('System.get_env("A")\n|> Base.decode64!()', True, ""),
        ('System.get_env("A") |> inspect()', False, ""),
        ('"A" |> System.fetch_env!()', True, ""),
        ('"A" |> System.get_env("3") |> String.to_integer()', False, "3"),
        ('System.get_env "A"', False, ""),
        ('case System.get_env("A") do\n  nil -> raise "no A"\n  a -> a\nend', True, ""),
        ('case System.get_env("A") do\n  nil -> :default\n  a -> a\nend', False, ""),
        ('unless System.get_env("A") do\n  raise "no A"\nend', True, ""),
        ('if is_nil(System.get_env("A")), do: raise("no A")', True, ""),
        ('if System.get_env("A") && b do\n  raise "both"\nend', False, ""),
        ('if System.get_env("A") do\n  raise "must not be set"\nend', False, ""),
        ('env!("A", :string)', True, ""),
        ('env!("A", :integer, 10)', False, "10"),
        ('Env.get_boolean("A", false)', False, "false"),
        ('get_var_from_path_or_env(config_dir, "A")', False, ""),
        ('"postgres://#{System.fetch_env!("A")}/x"', True, ""),
    ],
)
def test_a_variable_is_required_if_the_configuration_raises_without_it(
    source: str, is_required: bool, default: str
) -> None:
    (found,) = lookups(source).values()
    assert ("A", is_required, default) == (found.name, found.is_required, found.default)


@pytest.mark.parametrize(
    "source",
    [
        '# System.fetch_env!("A")',
        "\"System.fetch_env!('A')\"",
        '"""\nSystem.fetch_env!("A")\n"""',
        "~S|System.fetch_env!(\"A\")|",
        'Application.get_env(:shop, "A")',
        'System.put_env("A", "x")',
        'Logger.info("A")',
    ],
)  # fmt: skip
def test_what_only_looks_like_a_lookup_is_none(source: str) -> None:
    assert {} == lookups(source)


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("config_env() == :prod", (False, False, True)),
        ("config_env() != :test", (True, False, True)),
        ("config_env() in [:dev, :test]", (True, True, False)),
        ("config_env() not in [:dev, :test]", (False, False, True)),
        ("Mix.env() == :dev", (True, False, False)),
        ("not (config_env() == :prod)", (True, True, False)),
        ("!(config_env() == :prod)", (True, True, False)),
        ("config_env() == :prod and x", (False, False, None)),
        ("config_env() == :prod || x", (None, None, True)),
        ('System.get_env("B")', (None, None, None)),
    ],
)
def test_a_condition_says_in_which_environments_it_is_read(condition: str, truth: tuple[bool | None, ...]) -> None:
    inverse = tuple(None if each is None else not each for each in truth)
    found = lookups(f'if {condition} do\n  System.get_env("A")\nelse\n  System.get_env("C")\nend\nSystem.get_env("D")')
    assert (truth, inverse) == (found["A"].truth, found["C"].truth)
    assert (True, True, True) == found["D"].truth
    found = lookups(f'unless {condition}, do: System.get_env("A"), else: System.get_env("C")\nSystem.get_env("D")')
    assert (inverse, truth) == (found["A"].truth, found["C"].truth)
    assert (True, True, True) == found["D"].truth


def test_a_condition_in_parentheses_is_one() -> None:
    found = lookups(
        'x: if(System.get_env("A") != nil, do: String.to_integer(System.get_env("B")), else: 5)\nSystem.get_env("D")'
    )
    assert (True, None, True) == (found["A"].truth[2], found["B"].truth[2], found["D"].truth[2])
    assert found["B"].is_required


def test_conditions_in_conditions_are_combined() -> None:
    found = lookups('if config_env() == :prod do\n x = if y do\n System.get_env("A")\n end\n System.get_env("B")\nend')
    assert (False, False, None) == found["A"].truth
    assert (False, False, True) == found["B"].truth


def test_a_case_about_the_environment_has_a_clause_for_each() -> None:
    source = """
    case config_env() do
      :prod ->
        x = 1
        System.fetch_env!("A")
      :test -> System.get_env("B")
      _ -> System.get_env("C")
    end
    case y do
      :prod -> System.get_env("D")
    end
    """
    found = lookups(source)
    assert (False, False, True) == found["A"].truth
    assert (False, True, False) == found["B"].truth
    assert (True, False, False) == found["C"].truth
    assert (None, None, None) == found["D"].truth


def test_a_lookup_has_its_place() -> None:
    assert "config/runtime.exs:3" == lookups('# one\n\nSystem.get_env("A")')["A"].place
