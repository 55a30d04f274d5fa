"""A plug or an unplug that is cut short anywhere: by an error of the kernel, or by the death of the process."""

from __future__ import annotations

import contextlib
import errno
import itertools

import pytest
from tests.faults import failing, killed_at
from tests.netns import ip
from tests.snapshot import Snapshot, differences, snapshot
from tests.vifs import INSTANCE, bridge_vif, mark

import os_vif
from os_vif import exception
from os_vif.host import engine
from os_vif.objects.vif import VIFBridge

NEW_BRIDGE = bridge_vif(bridge="br0")
NIC_AND_RULES = bridge_vif(bridge="br0", nic="nic0", mtu=1500, filtered=False)
NO_TAP = bridge_vif(bridge="br0", nic="nic0", mtu=1500, tap=False)
KINDS = pytest.mark.parametrize(
    "vif",
    [
        pytest.param(NEW_BRIDGE, id="tap on a new bridge"),
        pytest.param(NIC_AND_RULES, id="NIC with addresses, new bridge, rules, tap"),
        pytest.param(NO_TAP, id="NIC with addresses, new bridge, no tap"),
    ],
)


def plug(vif: VIFBridge) -> None:
    os_vif.plug(vif, INSTANCE)


def unplug_all(vif: VIFBridge) -> None:
    """Unplug the VIF, and the shared objects too once nobody uses them."""
    job = os_vif._planned(vif).job(vif, INSTANCE)
    for error in engine.remove([job], shared=True):
        if error is not None:
            raise error


@KINDS
def test_killed_plug_then_plug(vif: VIFBridge, host: None) -> None:
    """Dead at any step; the next plug makes what a plug on a fresh host makes."""
    before = snapshot()
    plug(vif)
    plugged = _without_identity(snapshot())
    for step in itertools.count(1):
        unplug_all(vif)
        assert differences(before, snapshot()) == []
        died = killed_at(step, lambda: plug(vif))
        plug(vif)
        assert os_vif.check(vif) == []
        assert differences(plugged, _without_identity(snapshot())) == [], f"killed before operation {step}"
        if not died:
            break
    assert step > 4


@KINDS
def test_killed_plug_then_unplug(vif: VIFBridge, host: None) -> None:
    """Dead at any step; unplug, told to take shared objects too, leaves what was there before."""
    before = snapshot()
    for step in itertools.count(1):
        died = killed_at(step, lambda: plug(vif))
        unplug_all(vif)
        assert differences(before, snapshot()) == [], f"killed before operation {step}"
        if not died:
            break
    assert step > 4


@KINDS
def test_killed_unplug(vif: VIFBridge, host: None) -> None:
    """Dead at any step of an unplug with the shared objects; repeated, it gets to its end."""
    before = snapshot()
    for step in itertools.count(1):
        plug(vif)
        died = killed_at(step, lambda: unplug_all(vif))
        unplug_all(vif)
        assert differences(before, snapshot()) == [], f"killed before operation {step}"
        if not died:
            break
    assert step > 2


@pytest.mark.parametrize("then", ["plug", "unplug"])
def test_killed_unplug_of_many(then: str, host: None) -> None:
    """Several taps go as one group: dead in between, they are plugged again or go the next time."""
    vifs = [(bridge_vif(n), INSTANCE) for n in range(1, 6)]
    os_vif.plug_many(vifs)
    plugged = _without_identity(snapshot())
    for step in itertools.count(1):
        died = killed_at(step, lambda: os_vif.unplug_many(vifs))
        if then == "plug":
            os_vif.plug_many(vifs)
            assert differences(plugged, _without_identity(snapshot())) == [], f"before operation {step}"
        else:
            os_vif.unplug_many(vifs)
            assert not [name for name in snapshot()["link"] if name.startswith("tap")]
            os_vif.plug_many(vifs)
        if not died:
            break


@pytest.mark.parametrize("carried_out", [False, True], ids=["refused", "done, and reported as failed"])
@KINDS
def test_failing_plug_leaves_what_it_found(vif: VIFBridge, carried_out: bool, host: None) -> None:
    """Every operation fails in turn: PlugException, and the host is as before."""
    before = snapshot()
    error = errno.ENOBUFS if carried_out else errno.EPERM
    for step in itertools.count(1):
        with failing(step, error, carried_out=carried_out) as seen:
            try:
                plug(vif)
                told: object = None
            except exception.PlugException as failure:
                told = failure.kwargs["err"]
        if not seen.fired:
            break
        assert isinstance(told, exception.StepFailed), f"failure of '{seen.names[step - 1]}'"
        assert differences(before, snapshot()) == [], f"after failure of '{seen.names[step - 1]}'"
    assert step > 4
    assert os_vif.check(vif) == []


@KINDS
def test_plug_survives_what_others_do_at_the_same_time(vif: VIFBridge, host: None) -> None:
    """ENODEV of a link means that the host changed since it was looked at: it is looked at again."""
    before = snapshot()
    for step in itertools.count(1):
        with failing(step, errno.ENODEV) as seen:
            try:
                plug(vif)
            except exception.PlugException:
                assert differences(before, snapshot()) == [], f"after failure of '{seen.names[step - 1]}'"
            else:
                assert os_vif.check(vif) == []
        unplug_all(vif)
        assert differences(before, snapshot()) == []
        if not seen.fired:
            break


def test_failing_plug_of_a_broken_vif_puts_back_what_was_broken(host: None) -> None:
    """A plug that mends, and fails, leaves the VIF as wrong as it was: tap adopted, moved, resized, renamed."""
    vif = bridge_vif(nic="nic0", mtu=1500)
    plug(vif)
    ip("link", "add", "other0", "type", "bridge")
    ip("link", "set", "tap1", "down", "mtu", 1400, "master", "other0", "alias", "")
    ip("link", "set", "tap1", "address", "02:11:11:11:11:11")
    ip("link", "set", "nic0", "nomaster", "mtu", 1600)
    ip("link", "set", "br0", "down")
    ip("addr", "add", "192.0.2.77/24", "dev", "nic0")
    before = snapshot()
    for step in itertools.count(1):
        with failing(step, errno.EPERM) as seen, contextlib.suppress(exception.PlugException):
            plug(vif)
        if not seen.fired:
            break
        assert differences(before, snapshot()) == [], f"after failure of '{seen.names[step - 1]}'"
    assert os_vif.check(vif) == []
    assert ip("-j", "link", "show", "tap1").count(mark(1)) == 1


def test_failing_unplug_says_so_and_can_be_repeated(host: None) -> None:
    before = snapshot()
    for step in itertools.count(1):
        plug(NIC_AND_RULES)
        with failing(step, errno.EPERM) as seen:
            try:
                unplug_all(NIC_AND_RULES)
            except exception.StepFailed:
                assert seen.fired
            else:
                assert not seen.fired
        unplug_all(NIC_AND_RULES)
        assert differences(before, snapshot()) == []
        if not seen.fired:
            break
    assert step > 4


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOBUFS])
def test_failing_unplug_of_many_names_each_vif_that_is_left(error: int, host: None) -> None:
    vifs = [(bridge_vif(n), INSTANCE) for n in range(1, 6)]
    for step in itertools.count(1):
        os_vif.plug_many(vifs)
        failed: set[str] = set()
        with failing(step, error) as seen:
            try:
                os_vif.unplug_many(vifs)
            except exception.BulkError as failure:
                failed = set(failure.errors)
        left = {str(vif.id) for vif, _ in vifs if vif.vif_name in snapshot()["link"]}
        assert left <= failed, f"after failure of '{seen.names[step - 1]}'"
        if not seen.fired:
            break


def _without_identity(taken: Snapshot) -> Snapshot:
    """A snapshot to be compared with that of an equal host: without numbers and random addresses of new links."""
    links: dict[str, object] = {}
    for name, link in taken["link"].items():
        assert isinstance(link, dict)
        dropped = {"ifindex", "address"} if name.startswith("br") else {"ifindex"}
        links[name] = {k: v for k, v in link.items() if k not in dropped}
    return taken | {"link": links}
