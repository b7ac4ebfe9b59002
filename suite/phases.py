"""Sorts checks by the plan, and blocks the checks of failed phases: a broken phase is one failure, not many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout.config.plan import Package, Plan, load_plan
from rollout.phases.phase import PhaseResult
from suite import stash

if TYPE_CHECKING:
    from suite.session import Session

PASSED = "phase_passed"
NOT_ATTEMPTED = "not attempted by the path"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "phase(name): the group of checks a module holds, called after a phase")
    config.addinivalue_line("markers", "needs(name): the check runs only if that group is attempted and passed")


def group_of(item: pytest.Item) -> str:
    """The group a check belongs to (its module's `phase` mark), "" where there is none."""
    mark = item.get_closest_marker("phase")
    return str(mark.args[0]) if mark and mark.args else ""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a check for what it asks for.

    `package`: each package of its group. `any_package`: each of the plan. `app_page`: each page of the project.
    """
    mark = metafunc.definition.get_closest_marker("phase")
    if mark is not None and "app_page" in metafunc.fixturenames:
        metafunc.parametrize("app_page", _pages(metafunc.config))
    if mark is None or not {"package", "any_package"} & set(metafunc.fixturenames):
        return
    plan = _plan(metafunc.config)
    if "package" in metafunc.fixturenames:
        group = str(mark.args[0])
        phase = plan.phase_for(group)
        _each(metafunc, "package", phase.packages_of(group) if phase else ())
    if "any_package" in metafunc.fixturenames:
        _each(metafunc, "any_package", (*plan.archives, *plan.packages))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Set the order of checks for pytest-order, and deselect checks that the path does not attempt."""
    session = config.stash.get(stash.SESSION, None)
    if session is None:
        return
    plan = session.plan
    _leave_out(session, items)
    places = {name: number for number, name in enumerate(plan.groups, 1)}
    beyond = []
    for item in items:
        needed = {group_of(item), *_needed(item)}
        left_out = next((phase for name in sorted(needed) if (phase := plan.left_out_phase_for(name))), None)
        if _lacks_package(item) or not all(name in places or plan.left_out_phase_for(name) for name in needed):
            beyond.append(item)
        elif left_out:
            reason = left_out.because if not left_out.edition else f"needs {left_out.needs}: {left_out.because}"
            item.add_marker(pytest.mark.skip(reason=f"{left_out.name} {reason}"))
            item.add_marker(pytest.mark.order(places.get(group_of(item), len(places) + 1)))
        else:
            item.add_marker(pytest.mark.order(places[group_of(item)]))
    items[:] = [item for item in items if item not in beyond]
    if beyond:
        config.hook.pytest_deselected(items=beyond)


@pytest.fixture
def phase(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> PhaseResult:
    """The result of the phase that the requesting check is about."""
    return _result(request, pytestconfig.stash[stash.SESSION].plan, group_of(request.node))


def require(request: pytest.FixtureRequest, group: str) -> None:
    """Skip if the phase of `group` failed. For fixtures of a wider scope, which pytest makes before `_blocked`."""
    result = _result(request, request.config.stash[stash.SESSION].plan, group)
    if not result.passed:
        _skip(result.culprit)


@pytest.fixture(autouse=True)
def _blocked(request: pytest.FixtureRequest) -> None:
    """Skip a check if its phase did not pass. Only the first check of a phase fails with it."""
    group = group_of(request.node)
    if not group:
        return
    plan = request.config.stash[stash.SESSION].plan
    result = _result(request, plan, group)
    attempts = request.getfixturevalue("deployment").attempts
    if not all(attempts(name) for name in (group, *_needed(request.node))):
        pytest.skip(NOT_ATTEMPTED)
    own = request.node.name.endswith(PASSED) and group == result.plan.groups[0]
    if not result.passed and not (own and result.outcome != "blocked"):
        _skip(result.culprit)
    for needed in sorted(_needed(request.node)):
        also = _result(request, plan, needed)
        if not also.passed:
            _skip(also.culprit)


def _plan(config: pytest.Config) -> Plan:
    session = config.stash.get(stash.SESSION, None)
    return session.plan if session else load_plan(config.stash[stash.OPTIONS].path)


def _pages(config: pytest.Config) -> tuple[str, ...]:
    session = config.stash.get(stash.SESSION, None)
    server = session.project.server if session and session.project else None
    return (server.pages or (server.ready,)) if server else ("/",)


def _leave_out(session: Session, items: list[pytest.Item]) -> None:
    """Skip the checks that rollout.toml leaves out, and say so if there is none of a name."""
    for name, reason in session.project.checks.leave_out if session.project else ():
        named = [item for item in items if name in {item.name, item.name.partition("[")[0]}]
        for item in named:
            item.add_marker(pytest.mark.skip(reason=f"rollout.toml leaves it out: {reason}"))
        if not named:
            session.notes.append(f"rollout.toml leaves out {name}, which is no check of this run.")


def _each(metafunc: pytest.Metafunc, name: str, packages: tuple[Package, ...]) -> None:
    metafunc.parametrize(name, packages or (None,), ids=[package.name for package in packages] or ["none"])


def _lacks_package(item: pytest.Item) -> bool:
    """Whether a check with `package` has no package in its group."""
    return hasattr(item, "callspec") and item.callspec.params.get("package", item) is None


def _needed(item: pytest.Item) -> frozenset[str]:
    return frozenset(str(name) for mark in item.iter_markers("needs") for name in mark.args)


def _result(request: pytest.FixtureRequest, plan: Plan, group: str) -> PhaseResult:
    answering = plan.phase_for(group)
    assert answering is not None, f"{group} is not attempted by {plan.name}, and its checks are not collected"
    result: PhaseResult = request.getfixturevalue(answering.name)
    return result


def _skip(culprit: PhaseResult) -> None:
    pytest.skip(f"blocked by {culprit.name}: {getattr(culprit.error, 'cause', None) or 'unknown'}")
