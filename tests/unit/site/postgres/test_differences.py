"""The readable differences between two sets of database facts."""

from rollout.site.postgres import differences

_BEFORE = {
    "database postgres": "there",
    "database xavos_dev": "owner=xavos encoding=UTF8",
    "column xavos_dev.public.agents.name": "text not null",
    "rows xavos_dev.public.agents": "0 rows, d41d",
    "table xavos_dev.public.agents": "owner=xavos",
    "sequence xavos_dev.public.oban_jobs_id_seq": "3",
}


def test_equal_facts_do_not_differ() -> None:
    """Equal facts give no line."""
    assert () == differences(_BEFORE, dict(_BEFORE))


def test_a_new_database_is_one_line_whatever_it_holds() -> None:
    """The content of a new object gives no line."""
    after = {**_BEFORE, "database xavos_test": "owner=xavos", "table xavos_test.public.agents": "owner=xavos"}

    assert ("database left behind: xavos_test",) == differences(_BEFORE, after)


def test_a_lost_table_is_one_line() -> None:
    """Its columns and rows give no line."""
    after = {key: value for key, value in _BEFORE.items() if ".agents" not in key}

    assert ("table lost: xavos_dev.public.agents",) == differences(_BEFORE, after)


def test_rows_are_counted_and_compared() -> None:
    """A changed count shows both counts, changed content shows the count."""
    more = {**_BEFORE, "rows xavos_dev.public.agents": "3 rows, 9a0b"}
    other = {**more, "rows xavos_dev.public.agents": "3 rows, ffff"}

    assert ("table xavos_dev.public.agents: 3 rows, was 0",) == differences(_BEFORE, more)
    assert ("table xavos_dev.public.agents: other content in its 3 rows",) == differences(more, other)


def test_a_changed_value_tells_both() -> None:
    """First the new value, then the old one."""
    after = {**_BEFORE, "sequence xavos_dev.public.oban_jobs_id_seq": "5"}

    assert ("sequence xavos_dev.public.oban_jobs_id_seq: 5, was 3",) == differences(_BEFORE, after)
