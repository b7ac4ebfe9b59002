"""Differences between two fingerprints of a site."""

from __future__ import annotations

from rollout.site.fingerprint import Fingerprint, residue


def test_an_instance_that_a_roll_has_replaced_is_not_lost_but_may_not_be_left() -> None:
    """A rollback of the roll cannot bring the old container back, and the next rollback would remove it anyway."""
    old, new = (Fingerprint(tree=None, facts={f"instance r-{name}": ""}) for name in ("a1", "b1"))
    gone = Fingerprint(tree=None, facts={})
    assert residue(old, gone) == ()
    assert residue(old, new) == ("left behind: instance r-b1",)
