"""A tap on its own: there before the guest, as its network wants it, mended where it differs, gone afterwards."""

from __future__ import annotations

import pytest
from tests.netns import ip, ip_json
from tests.snapshot import differences, snapshot
from tests.vifs import INSTANCE, mark, tap_vif

import os_vif
from os_vif import exception
from os_vif.objects.vif import VIFGeneric, VIFPortProfileTap

ADDRESS = "02:61:fe:ed:ca:fe"


def routed(number: int = 1, *, multiqueue: bool = False) -> VIFGeneric:
    profile = VIFPortProfileTap(mac_address=ADDRESS, multiqueue=multiqueue)
    return tap_vif(number, mtu=1450, profile=profile)


def link(name: str) -> dict[str, object]:
    return ip_json("link", "show", name)[0]


@pytest.mark.parametrize("multiqueue", [False, True], ids=["one queue", "many queues"])
def test_life_of_a_tap(multiqueue: bool, host: None) -> None:
    before, vif = snapshot(), routed(multiqueue=multiqueue)
    os_vif.plug(vif, INSTANCE)
    tap = link("tap1")
    assert (tap["mtu"], tap["address"], tap["ifalias"]) == (1450, ADDRESS, mark(1))
    assert "UP" in tap["flags"]  # type: ignore[operator]
    info = tap["linkinfo"]["info_data"]  # type: ignore[index]
    assert (info["type"], info["persist"], info.get("multi_queue", False)) == ("tap", True, multiqueue)
    assert os_vif.check(vif) == []
    os_vif.wait_ready(vif, timeout=1)

    plugged = snapshot()
    os_vif.plug(vif, INSTANCE)
    assert differences(plugged, snapshot()) == []
    assert link("tap1")["ifindex"] == tap["ifindex"]

    ip("link", "set", "tap1", "down", "mtu", 1400, "address", "02:00:00:00:00:99")
    assert [str(d) for d in os_vif.check(vif)] == [
        "tap1: mtu is 1400, should be 1450",
        f"tap1: address is 02:00:00:00:00:99, should be {ADDRESS}",
        "tap1: is down, should be up",
    ]
    assert len(os_vif.repair(vif)) == 3
    assert differences(plugged, snapshot()) == []

    os_vif.unplug(vif, INSTANCE)
    assert differences(before, snapshot()) == []
    os_vif.unplug(vif, INSTANCE)


def test_a_tap_without_wishes_is_the_kernels(host: None) -> None:
    os_vif.plug(tap_vif(), INSTANCE)
    assert link("tap1")["mtu"] == 1500
    assert os_vif.check(tap_vif()) == []


def test_the_tap_of_another_is_not_taken(host: None) -> None:
    os_vif.plug(routed(1), INSTANCE)
    before = snapshot()
    other = tap_vif(2, name="tap1")
    with pytest.raises(exception.PlugException) as caught:
        os_vif.plug(other, INSTANCE)
    assert isinstance(caught.value.kwargs["err"], exception.NameCollision)
    os_vif.unplug(other, INSTANCE)
    assert differences(before, snapshot()) == []


def test_a_tap_that_an_older_service_made_is_adopted(host: None) -> None:
    ip("tuntap", "add", "tap1", "mode", "tap")
    index = link("tap1")["ifindex"]
    os_vif.plug(routed(), INSTANCE)
    assert (link("tap1")["ifindex"], link("tap1")["ifalias"]) == (index, mark(1))
    os_vif.unplug(routed(), INSTANCE)
    assert [entry["ifname"] for entry in ip_json("link", "show")] == ["lo"]
