"""wait_ready: it returns when the host has become right, on the kernel's word, and says what is missing if not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.netns import ip
from tests.vifs import INSTANCE, bridge_vif

import os_vif
from os_vif import exception

LATENCY = 0.05  # seconds from the change to the return


@pytest.mark.parametrize(
    ("damage", "mend"),
    [
        pytest.param(["link", "set", "tap1", "down"], ["link", "set", "tap1", "up"], id="down"),
        pytest.param(["link", "set", "tap1", "nomaster"], ["link", "set", "tap1", "master", "br0"], id="no master"),
        pytest.param(["link", "set", "tap1", "mtu", "1400"], ["link", "set", "tap1", "mtu", "1450"], id="mtu"),
        pytest.param(["link", "set", "br0", "down"], ["link", "set", "br0", "up"], id="bridge down"),
    ],
)  # fmt: skip
def test_returns_when_the_host_is_mended(damage: list[str], mend: list[str], host: None) -> None:
    vif = bridge_vif(mtu=1450)
    os_vif.plug(vif, INSTANCE)
    ip(*damage)
    assert os_vif.check(vif) != []
    later = _Later(lambda: ip(*mend))
    os_vif.wait_ready(vif, timeout=5)
    returned = time.monotonic()
    later.join()
    assert returned - later.done < LATENCY
    assert os_vif.check(vif) == []


def test_returns_when_others_make_the_bridge_and_plug(host: None) -> None:
    vif = bridge_vif(provide=False, tap=False)
    later = _Later(lambda: ip("link", "add", "br0", "up", "type", "bridge"))
    os_vif.wait_ready(vif, timeout=5)
    returned = time.monotonic()
    later.join()
    assert returned - later.done < LATENCY


def test_returns_at_once_when_all_is_right(host: None) -> None:
    os_vif.plug(bridge_vif(), INSTANCE)
    os_vif.wait_ready(bridge_vif(), timeout=0)


@pytest.mark.parametrize("timeout", [0, 0.2])
def test_reasons(timeout: float, host: None) -> None:
    os_vif.plug(bridge_vif(), INSTANCE)
    ip("link", "set", "tap1", "nomaster", "down")
    began = time.monotonic()
    with pytest.raises(exception.NotReady) as caught:
        os_vif.wait_ready(bridge_vif(), timeout=timeout)
    assert timeout <= time.monotonic() - began < timeout + LATENCY
    assert caught.value.reasons == (
        "tap1: is down, should be up",
        "tap1: is in no bridge, should be in br0",
    )
    assert "tap1: is down, should be up; tap1: is in no bridge" in str(caught.value)


class _Later(threading.Thread):
    """Acts after 0.3 s; `done` is the moment at which it had."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act
        self.done = 0.0
        self.start()

    def run(self) -> None:
        time.sleep(0.3)
        self._act()
        self.done = time.monotonic()
