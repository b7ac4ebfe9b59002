"""Faults of production: what happens to instances, proxy, image and migrations while a release replaces another."""

from __future__ import annotations

import functools

from rollout.faults.fault import Kind, either_form
from rollout.faults.production_network import GONE_SECONDS, LATE_SECONDS, LinkGone, LinkSlow
from rollout.faults.production_release import (
    ImageGone,
    MigrationKilled,
    ProxyRestarted,
    SecondDeployment,
    SettingsChanged,
)
from rollout.faults.production_roll import (
    FROZEN_SECONDS,
    NewInstanceHangs,
    NewInstanceKilled,
    NewInstanceOutOfMemory,
    NewInstanceSlow,
    OldInstanceKilled,
)

_ANY_ROLL = ("rolls_releases",)
_UPGRADE = ("installs_release",)
_EITHER = ("deployed", "rolled_back")
# A roll that is taken back fails its phase. So does a roll that succeeds and has lost a request on its way.
_TAKEN_BACK = ("rolled_back",)
_ONCE = "after one time (seeded)"
_SECONDS = f"{FROZEN_SECONDS[0]:.0f} to {FROZEN_SECONDS[1]:.0f} s (seeded)"

_kind = functools.partial(
    Kind, family="production", traits=_UPGRADE, lasts=_ONCE, expects={"transient": _EITHER, "persistent": _TAKEN_BACK}
)

KINDS: tuple[Kind, ...] = (
    _kind(
        name="new_instance_killed",
        text="an instance of the new release is killed as soon as it gets requests",
        bites="it ran, got SIGKILL, and has ended",
        make=NewInstanceKilled,
    ),
    _kind(
        name="new_instance_out_of_memory",
        text="an instance of the new release reaches its limit of memory as soon as it gets requests",
        bites="the engine says that the kernel killed it for want of memory",
        make=NewInstanceOutOfMemory,
        needs=("engine",),
    ),
    _kind(
        name="old_instance_killed",
        text="an instance of the old release is killed during the roll; persistent: all at once",
        bites="it ran, got SIGKILL, and has ended",
        make=OldInstanceKilled,
        traits=_ANY_ROLL,
    ),
    _kind(
        name="new_instance_slow",
        text="an instance of the new release is frozen while it starts",
        bites="its processes were frozen",
        make=NewInstanceSlow,
        lasts=_SECONDS,
        expects={"transient": ("deployed",), "persistent": _TAKEN_BACK},
    ),
    _kind(
        name="new_instance_hangs",
        text="an instance of the new release accepts requests and does not answer",
        bites="its processes were frozen",
        make=NewInstanceHangs,
        lasts=_SECONDS,
    ),
    _kind(
        name="proxy_restarted",
        text="the proxy is killed and starts again amid the roll",
        bites="another process of it answers, with the same servers",
        make=ProxyRestarted,
        traits=_ANY_ROLL,
        lasts="after one restart (seeded)",
        expects=either_form(*_EITHER),
    ),
    _kind(
        name="migration_killed",
        text="the migrate command is killed half-way",
        bites="it had connections to the database, got SIGKILL, and has ended",
        make=MigrationKilled,
        lasts=_ONCE,
        expects={"transient": ("deployed",), "persistent": _TAKEN_BACK},
    ),
    _kind(
        name="second_deployment",
        text="a second deployment runs the same migrations at the same moment",
        bites="its migrate command has ended",
        make=SecondDeployment,
        forms=("transient",),
        lasts="one command",
        expects={"transient": ("deployed",)},
    ),
    _kind(
        name="image_gone",
        text="the image of the new release is gone when an instance is to start",
        bites="the engine could not start it",
        make=ImageGone,
        needs=("engine",),
        lasts="after one start has failed",
        expects={"transient": ("deployed",), "persistent": _TAKEN_BACK},
    ),
    _kind(
        name="settings_changed",
        text="instances of the new release have another SECRET_KEY_BASE than those of the old one",
        bites="such an instance gets requests; a session is tried on both",
        make=SettingsChanged,
        lasts="with the first instance",
        expects=either_form(*_EITHER),
    ),
    _kind(
        name="database_link_gone",
        text="nothing passes between an instance of the new release and the database, and no connection ends",
        bites="data that had to wait on that link",
        make=LinkGone,
        forms=("transient",),
        lasts=f"{GONE_SECONDS:.0f} s",
        expects={"transient": _EITHER},
    ),
    _kind(
        name="database_link_slow",
        text="all data between an instance of the new release and the database is late",
        bites="data that was late on that link",
        make=LinkSlow,
        forms=("transient",),
        lasts=f"as long as that instance; {LATE_SECONDS[0] * 1000:.0f} to {LATE_SECONDS[1] * 1000:.0f} ms (seeded)",
        expects={"transient": _EITHER},
    ),
)
