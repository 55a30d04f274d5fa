"""Several processes that plug and unplug at once: all succeed, and the host is as if they had taken turns."""

from __future__ import annotations

from typing import Any

import pytest
from tests.netns import ip
from tests.snapshot import differences, snapshot
from tests.together import at_once
from tests.vifs import INSTANCE, bridge_vif

import os_vif
from os_vif import exception
from os_vif.host import engine, locks
from os_vif.host.observe import observe
from os_vif.objects.vif import VIFBridge

ROUNDS = 6


def plug(vif: VIFBridge) -> None:
    os_vif.plug(vif, INSTANCE)


def unplug_shared(vif: VIFBridge) -> None:
    (error,) = engine.remove([os_vif._planned(vif).job(vif, INSTANCE)], shared=True)
    if error is not None:
        raise error


@pytest.mark.parametrize("processes", [2, 8])
def test_the_same_vif(processes: int, host: None) -> None:
    vif = bridge_vif(nic="nic0", mtu=1500, filtered=False)
    before = snapshot()
    for _ in range(ROUNDS):
        at_once([lambda: plug(vif)] * processes)
        assert os_vif.check(vif) == []
        unplug_shared(vif)
        assert differences(before, snapshot()) == []


@pytest.mark.parametrize("processes", [2, 8])
def test_different_vifs_on_the_same_new_bridge(processes: int, host: None) -> None:
    vifs = [bridge_vif(n, nic="nic0", mtu=1500) for n in range(1, processes + 1)]
    before = snapshot()
    for _ in range(ROUNDS):
        at_once([lambda vif=vif: plug(vif) for vif in vifs])  # type: ignore[misc]
        assert [os_vif.check(vif) for vif in vifs] == [[]] * processes
        for vif in vifs:
            unplug_shared(vif)
        assert differences(before, snapshot()) == []


@pytest.mark.parametrize("processes", [2, 8])
def test_unplug(processes: int, host: None) -> None:
    """Each its own VIF, the bridge with the last one; then all of them the same VIF."""
    vifs = [bridge_vif(n, nic="nic0", mtu=1500) for n in range(1, processes + 1)]
    before = snapshot()
    for _ in range(ROUNDS):
        os_vif.plug_many([(vif, INSTANCE) for vif in vifs])
        at_once([lambda vif=vif: unplug_shared(vif) for vif in vifs])  # type: ignore[misc]
        unplug_shared(vifs[0])  # each may have seen the others' taps and left the bridge to them
        assert differences(before, snapshot()) == []
        plug(vifs[0])
        at_once([lambda: unplug_shared(vifs[0])] * processes)
        assert differences(before, snapshot()) == []


def test_plug_while_others_unplug_the_bridge(host: None) -> None:
    """A bridge that goes under a VIF being plugged is made again; one that a VIF has entered does not go."""
    first, second = bridge_vif(1), bridge_vif(2)
    for _ in range(4 * ROUNDS):
        plug(first)
        at_once([lambda: unplug_shared(first), lambda: plug(second)])
        assert os_vif.check(second) == []
        unplug_shared(second)
        assert "br0" not in snapshot()["link"]


def test_plug_and_unplug_of_the_same_vif(host: None) -> None:
    """Either order is right; what is left is nothing, or a whole VIF."""
    vif = bridge_vif()
    for _ in range(2 * ROUNDS):
        at_once([lambda: plug(vif), lambda: os_vif.unplug(vif, INSTANCE)])
        left = "tap1" in snapshot()["link"]
        assert not left or os_vif.check(vif) == []
        os_vif.unplug(vif, INSTANCE)


def test_what_another_process_is_half_way_through_is_not_a_reason_to_refuse(
    host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look takes no locks: if they were taken meanwhile, it is repeated under them before the VIF fails."""
    vif = bridge_vif()
    looks = []

    def meanwhile(*args: Any, **kwargs: Any) -> engine.Host:
        if looks:
            seen = observe(*args, **kwargs)
        else:
            with locks.held({vif.id}, lender=lambda place: None):
                ip("link", "add", "tap1", "type", "bridge")
                seen = observe(*args, **kwargs)
                ip("link", "del", "tap1")
        looks.append(seen)
        return seen

    monkeypatch.setattr(engine, "observe", meanwhile)
    plug(vif)
    assert os_vif.check(vif) == []
    assert len(looks) >= 2


def test_what_was_there_all_the_time_is_refused_after_one_look(
    host: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ip("link", "add", "tap1", "type", "bridge")
    looks = []
    monkeypatch.setattr(
        engine, "observe", lambda *args, **kwargs: looks.append(1) or observe(*args, **kwargs)
    )
    vif = bridge_vif()
    (error,) = engine.apply([os_vif._planned(vif).job(vif, INSTANCE)])
    assert isinstance(error, exception.WrongKind)
    assert looks == [1]


def test_bulk_and_single(host: None) -> None:
    vifs = [bridge_vif(n, bridge=f"br{n % 3}") for n in range(1, 31)]
    pairs = [(vif, INSTANCE) for vif in vifs]
    at_once([lambda: os_vif.plug_many(pairs), *(lambda vif=vif: plug(vif) for vif in vifs[:4])])
    assert [os_vif.check(vif) for vif in vifs] == [[]] * len(vifs)
    at_once([lambda: os_vif.unplug_many(pairs), *(lambda: os_vif.unplug_many(pairs) for _ in range(3))])
    assert not [name for name in snapshot()["link"] if name.startswith("tap")]
    ip("link", "show", "br0")
