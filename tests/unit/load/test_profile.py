"""Profiles as data."""

from __future__ import annotations

import json

import pytest

from rollout.load.profile import Form, InvalidProfile, LiveViewKind, Profile, RequestKind, origin

FULL = Profile(
    requests=(
        RequestKind(
            name="write", rate=2.5, method="POST", path="/items", headers=(("authorization", "Bearer x"),),
            body="{key}", content_type="application/json", expect=(201, 200), deadline=30,
            idempotency_header="idempotency-key",
        ),
        RequestKind(name="upload", rate=1, method="PUT", body="{padding}", padding=1000, send_seconds=1.5, fresh=1),
    ),
    sessions=(
        LiveViewKind(name="board", sessions=5, form=Form(event="validate", field="item[title]", others=(("a", "b"),))),
        LiveViewKind(name="plain"),
    ),
    seed=4,
)  # fmt: skip


@pytest.mark.parametrize("profile", [FULL, Profile(), Profile(requests=(RequestKind(name="page", rate=1),))])
def test_a_profile_is_the_same_after_json(profile: Profile) -> None:
    assert profile == Profile.from_json(profile.to_json())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"requests": [{"name": "a", "rat": 1}]}, "did you mean 'rate'"),
        ({"requests": [{"name": "a"}]}, "missing: rate"),
        ({"requests": [{"name": "a", "rate": 0}]}, "rate has to be more than 0"),
        ({"requests": [{"name": "a", "rate": 1, "fresh": 2}]}, "fresh has to be a share"),
        ({"requests": [{"name": "a", "rate": 1, "path": "a"}]}, "begins with /"),
        ({"requests": [{"name": "a", "rate": 1, "deadline": -1}]}, "deadline has to be more than 0"),
        ({"requests": [{"name": "a", "rate": 1, "send_seconds": 20}]}, "less than the deadline"),
        ({"requests": [{"name": "a", "rate": 1}, {"name": "a", "rate": 1}]}, "named twice"),
        ({"requests": [{"name": "a", "rate": "much"}]}, "is not a number"),
        ({"sessions": [{"name": "a", "sessions": 0}]}, "sessions has to be 1 to 10,000"),
        ({"sessions": [{"name": "a", "heartbeat": 0}]}, "heartbeat has to be more than 0"),
        ({"sessions": [{"name": "a", "form": {"field": "b"}}]}, "known by its id or by its event"),
        ([], "not a table"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_its_place(change: object, words: str) -> None:
    with pytest.raises(InvalidProfile, match=words):
        Profile.from_json(json.dumps(change))


def test_broken_json_is_refused() -> None:
    with pytest.raises(InvalidProfile, match="syntax"):
        Profile.from_json("{")


def test_the_longest_deadline_is_that_of_any_kind() -> None:
    assert (30, 0) == (FULL.longest, Profile().longest)


def test_an_origin_has_a_host_and_a_port() -> None:
    assert ("127.0.0.1", 4001) == origin("http://127.0.0.1:4001/")
    assert ("localhost", 80) == origin("http://localhost")
