"""Every rule on the corpus: it finds the unsafe migration, and not the safer way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollout.migrations.operations import Migration, Operation
from rollout.migrations.rule import SEVERITIES, Finding, Settings
from rollout.migrations.rules import RULES, judge
from tests.elixir.migration_cases import BEFORE, CASES, UNSAFE, RuleCase, read_case

SETTINGS = Settings(server_major=17, applied=frozenset({BEFORE}))
NOTHING_APPLIED = Settings(server_major=17)


def findings(case: RuleCase, kind: str) -> tuple[Finding, ...]:
    settings = replace(SETTINGS, server_major=case.server)
    return judge(read_case(case, kind), settings)


def migration(*operations: Operation, version: int = 2, transaction: bool = True, **more: object) -> Migration:
    made = Migration(
        version=version, file=f"priv/repo/migrations/{version}_x.exs", functions=("change",), transaction=transaction
    )
    return replace(made, operations=operations, **more)  # type: ignore[arg-type]  # fields of a test


def operation(kind: str, **fields: object) -> Operation:
    made = Operation(version=2, file="2_x.exs", line=3, statement=3, direction="change", kind=kind)
    return replace(made, **fields)  # type: ignore[arg-type]  # fields of a test


def ids(found: tuple[Finding, ...]) -> list[str]:
    return [each.rule for each in found if each.allowed is None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule_finds_the_unsafe_way_and_says_where_and_why(case: RuleCase) -> None:
    found = [each for each in findings(case, "unsafe") if each.rule == case.rule]

    rule = next(each for each in RULES if each.id == case.rule)
    assert found
    for each in found:
        assert (rule.severity, rule.reason, rule.instead) == (each.severity, each.reason, each.instead)
        assert each.line > 0
        assert each.detail


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule_does_not_find_the_safer_way(case: RuleCase) -> None:
    assert case.rule not in ids(findings(case, "safer"))


def test_every_rule_has_a_case_and_a_severity_with_a_meaning() -> None:
    assert sorted(rule.id for rule in RULES) == sorted(case.rule for case in CASES)
    assert {rule.severity for rule in RULES} == SEVERITIES.keys()


@pytest.mark.parametrize(("rule", "server"), [("default_on_old_server", 11), ("enum_value_in_transaction", 12)])
def test_rule_is_silent_on_a_server_that_has_solved_its_problem(rule: str, server: int) -> None:
    case = next(each for each in CASES if each.rule == rule)

    assert rule not in ids(judge(read_case(case, "unsafe"), replace(SETTINGS, server_major=server)))
    assert rule in ids(judge(read_case(case, "unsafe"), replace(SETTINGS, server_major=server - 1)))


@pytest.mark.parametrize("case", [each for each in CASES if each.version == UNSAFE], ids=lambda case: case.rule)
def test_first_deployment_locks_nobody_out(case: RuleCase) -> None:
    """Where nothing is applied every table is new, and only rules that hold for new tables too may find something."""
    also_new = {rule.id for rule in RULES if rule.also_new}

    found = judge(read_case(case, "unsafe"), replace(NOTHING_APPLIED, server_major=case.server))

    about_operations = {each.rule for each in found if each.table in {"users", "teams", "logs"}}
    assert about_operations <= also_new


def test_comment_with_a_reason_silences_a_rule_at_its_operation_only() -> None:
    removes = [
        operation("remove_column", table="users", column=name, type="text", line=at)
        for name, at in (("a", 5), ("b", 7))
    ]
    comments = {4: "# rollout: allow remove_column, irreversible because nothing reads it"}

    found = judge([migration(*removes, comments=comments)], NOTHING_APPLIED)

    allowed = {each.column: each.allowed for each in found if each.rule == "remove_column"}
    assert {"a": "nothing reads it", "b": None} == allowed


def test_comment_above_the_block_or_the_module_covers_all_of_it() -> None:
    remove = operation("remove_column", table="users", column="a", type="text", line=9, statement=6)
    for line, at in ((5, 2), (1, 2)):
        comments = {line: "# rollout: allow remove_column because nothing reads it"}
        found = judge([migration(remove, comments=comments, line=at)], NOTHING_APPLIED)
        assert "remove_column" not in ids(found)


@pytest.mark.parametrize(
    ("comment", "problem"),
    [
        ("# rollout: allow remove_column", "`allow remove_column` gives no reason"),
        ("# rollout: allow dropping because I say so", "there is no rule dropping"),
        ("# rollout: please", "`please` gives no reason"),
    ],
)
def test_comment_that_cannot_silence_is_a_finding_itself(comment: str, problem: str) -> None:
    remove = operation("remove_column", table="users", column="a", type="text")

    found = judge([migration(remove, comments={2: comment})], NOTHING_APPLIED)

    assert {"remove_column", "unclear_allowance"} <= set(ids(found))
    assert (2, problem) in [(each.line, each.detail) for each in found]


def test_lock_timeout_or_advisory_lock_of_the_repository_is_taken_into_account() -> None:
    index = operation("create_index", table="users", options={"columns": ["a"], "concurrently": True})
    add = operation("add_column", table="users", column="a", type="text")
    plan = [migration(index, transaction=False), migration(add, version=3)]

    assert {"concurrently_under_migration_lock", "no_lock_timeout"} <= set(ids(judge(plan, NOTHING_APPLIED)))
    settled = replace(NOTHING_APPLIED, advisory_lock=True, lock_timeout=True)
    assert [] == ids(judge(plan, settled))


def test_setting_in_one_migration_does_not_protect_the_next() -> None:
    setting = operation("setting", options={"name": "lock_timeout", "scope": "session", "by": "execute", "down": ""})
    add = operation("add_column", table="users", column="a", type="text")

    found = judge([migration(setting, add), migration(add, version=3)], NOTHING_APPLIED)

    assert [("no_lock_timeout", 3)] == [(each.rule, each.version) for each in found]


def test_size_of_a_new_type_that_would_be_given_to_the_old_one_cannot_be_reversed() -> None:
    """Ecto makes `text(200)` of it. With a pair, the old type has options of its own."""
    for source, expected in (("text", ["irreversible"]), ({"type": "text", "options": {}}, []), ("string", [])):
        options = {"size": 200, "from": source}
        modify = operation("modify_column", table="new", column="a", type="string", options=options)
        found = judge([migration(operation("create_table", table="new"), modify)], NOTHING_APPLIED)
        assert expected == ids(found)
