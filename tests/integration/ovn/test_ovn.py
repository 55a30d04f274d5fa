"""VIFs on a host whose network is OVN's: ready is what ovn-controller has said, and then packets pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import CommandLine
from tests.guests import Card, Guest
from tests.netns import ip
from tests.ovn import Ovn
from tests.ovsvifs import (
    BRIDGE,
    INSTANCE,
    MTU,
    host,
    hybrid,
    identity,
    mac,
    native,
    port_id,
    row,
    short,
)

import os_vif
from os_vif import exception, objects

pytestmark = pytest.mark.integration

PATIENCE = 20  # seconds in which OVN has done anything, also on a busy machine
LATENCY = 0.5  # seconds from ovn-controller's word to the return; a look once a second would be later
SWITCH, OTHER_SWITCH = "net1", "net2"
LARGEST = MTU - 28  # bytes of data in the largest ping


def port_of(vif: Any) -> str:
    """The name of the VIF's port in Open vSwitch."""
    return short("qvo" if isinstance(vif, objects.vif.VIFBridge) else "tap", int(vif.id[:8], 16))


def address(number: int) -> str:
    return f"10.0.0.{number}"


def add_port(ovn: Ovn, number: int, switch: str = SWITCH) -> None:
    """The network service makes the port of VIF `number`."""
    ovn.add_port(switch, port_id(number), f"{mac(number)} {address(number)}")


def external_ids(ovn: Ovn, vif: Any) -> dict[str, str]:
    ids: dict[str, str] = row(ovn.ovs, "Interface", port_of(vif), "external_ids")["external_ids"]
    return ids


def reasons(vif: Any, timeout: float = 0) -> list[str]:
    """Why it is not ready; it must not be."""
    with pytest.raises(exception.NotReady) as caught:
        os_vif.wait_ready(vif, timeout)
    return list(caught.value.reasons)


def waits_for_ovn(vif: Any, timeout: float = 0) -> None:
    """All is done but what ovn-controller has to do."""
    (reason,) = reasons(vif, timeout)
    assert reason.startswith(f"{port_of(vif)}: ovn-controller has not installed its flows")
    assert "external_ids:ovn-installed" in reason
    assert vif.port_profile.interface_id in reason


def ready_after(act: Callable[[], object], vif: Any) -> float:
    """The moment (time.time()) at which a wait returned that had begun before `act`."""

    def wait() -> float:
        os_vif.wait_ready(vif, PATIENCE)
        return time.time()

    with futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        assert not futures.wait([waiting], timeout=0.2).done, "it was ready before"
        act()
        return waiting.result()


@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
def test_ready_as_soon_as_the_flows_are_installed(vif: Any, network: Ovn) -> None:
    os_vif.plug(vif, INSTANCE)
    waits_for_ovn(vif, timeout=0.3)
    assert "ovn-installed" not in external_ids(network, vif)

    returned = ready_after(lambda: add_port(network, 1), vif)
    ids = external_ids(network, vif)
    assert ids["ovn-installed"] == "true"
    assert 0 <= returned - int(ids["ovn-installed-ts"]) / 1000 < LATENCY  # it says when, in milliseconds
    assert os_vif.check(vif) == []

    os_vif.plug(vif, INSTANCE)
    os_vif.wait_ready(vif, 0)
    assert (
        external_ids(network, vif) == ids
    )  # a re-plug takes no word of OVN's back, and has it do nothing again


def test_ovn_controller_is_stopped(network: Ovn, os_vif_command: CommandLine, tmp_path: Path) -> None:
    """New ports wait for it, as the command says too; those it has wired go on."""
    before, vif = native(1), native(2)
    os_vif.plug(before, INSTANCE)
    add_port(network, 1)
    os_vif.wait_ready(before, PATIENCE)

    network.kill_controller()
    os_vif.plug(vif, INSTANCE)
    add_port(network, 2)
    waits_for_ovn(vif, timeout=0.5)
    os_vif.wait_ready(before, 0)

    path = tmp_path / "vif.json"
    path.write_text(objects.to_json(vif))
    command = (path, "--ovsdb", network.ovs.remote)
    late = os_vif_command("wait", *command, "--timeout", 0.2)
    assert late.code == 1
    assert late.out.splitlines()[0] == f"VIF {vif.id} ({vif.vif_name}): not ready after 0.2 s:"
    assert late.out.splitlines()[1].strip() == str(os_vif.check(vif)[0])
    checked = os_vif_command("check", *command)
    assert (checked.code, "ovn-installed" in checked.out) == (1, True)

    network.start_controller()
    assert os_vif_command("wait", *command, "--timeout", PATIENCE).out == (
        f"ready: VIF {vif.id} ({vif.vif_name})\n"
    )
    assert os_vif_command("check", *command).code == 0


def test_ports_of_one_logical_switch_reach_each_other_and_no_others(network: Ovn) -> None:
    vifs = {1: native(1), 2: hybrid(2), 3: native(3)}
    for number, vif in vifs.items():
        os_vif.plug(vif, INSTANCE)
        add_port(network, number, OTHER_SWITCH if number == 3 else SWITCH)
    with ExitStack() as guests:
        one, two, three = (guests.enter_context(guest(vif)) for vif in vifs.values())
        for vif in vifs.values():
            os_vif.wait_ready(vif, PATIENCE)
        assert one.ping(address(2), size=LARGEST) == 3
        assert two.ping(address(1), size=LARGEST) == 3
        assert three.ping(address(1), patience=1) == 0
        assert one.ping(address(3), patience=1) == 0

        network.delete_port(port_id(3))
        waits_for_ovn(vifs[3])
        add_port(network, 3)
        os_vif.wait_ready(vifs[3], PATIENCE)
        assert (
            three.ping(address(1), patience=PATIENCE) == 3
        )  # it was its network alone that kept it from them
        assert one.ping(address(2)) == 3


@contextmanager
def guest(vif: Any) -> Iterator[Guest]:
    """The guest of a VIF; as a hypervisor does it, also the tap of a hybrid one is made."""
    number = int(vif.id[:8], 16)
    tap = short("tap", number)
    with closing(Card(tap, mac(number))) as card:
        if isinstance(vif, objects.vif.VIFBridge):
            ip("link", "set", tap, "mtu", MTU, "master", vif.bridge_name, "up")
        with closing(Guest(card, f"{address(number)}/24", MTU)) as made:
            yield made


@pytest.mark.parametrize("vif", [native(), hybrid()], ids=["native", "hybrid"])
def test_unplug_clears_the_claim(vif: Any, network: Ovn) -> None:
    before = host(network.ovs)
    add_port(network, 1)
    os_vif.plug(vif, INSTANCE)
    os_vif.wait_ready(vif, PATIENCE)
    network.wait_claimed(port_id(1))
    os_vif.unplug(vif, INSTANCE)
    network.wait_released(port_id(1))
    network.nbctl("wait-until", "Logical_Switch_Port", port_id(1), "up=false")
    assert without_ovns_notes(host(network.ovs)) == without_ovns_notes(before)

    os_vif.plug(vif, INSTANCE)  # and no word of the last time is left
    os_vif.wait_ready(vif, PATIENCE)


def without_ovns_notes(found: Any) -> Any:
    """ovn-controller keeps the conntrack zones it has given away in the bridge's external_ids."""
    found[0]["Bridge"][BRIDGE].pop("external_ids", None)
    return found


def test_the_port_is_bound_to_another_host(network: Ovn) -> None:
    """As during a live migration; then the network service activates the binding on this host."""
    vif = native()
    add_port(network, 1)
    network.nbctl("lsp-set-options", port_id(1), "requested-chassis=elsewhere")
    os_vif.plug(vif, INSTANCE)
    waits_for_ovn(vif, timeout=0.3)
    ready_after(lambda: network.nbctl("lsp-set-options", port_id(1), "requested-chassis=host1"), vif)


@pytest.mark.parametrize("option", ["ovn-bridge", "ovn-bridge-host1"])
def test_a_port_of_another_bridge_does_not_wait_for_ovn(option: str, network: Ovn) -> None:
    """OVN looks after one bridge, which the host's configuration names."""
    network.configure(**{option: "br-ovn"})
    network.wait_for_bridge("br-ovn")
    free, waiting = native(1, bridge=BRIDGE), native(2, bridge="br-ovn")
    for vif in (free, waiting):
        os_vif.plug(vif, INSTANCE)
    os_vif.wait_ready(free, 0)
    waits_for_ovn(waiting)
    ready_after(lambda: add_port(network, 2), waiting)


def test_a_host_that_is_two_chassis(network: Ovn) -> None:
    """Each ovn-controller has a bridge; each port waits for its own."""
    network.configure(**{"ovn-bridge-host2": "br-two", "ovn-encap-ip-host2": "127.0.0.2"})
    network.ovs.bridge("br-two")
    one, two = native(1), native(2, bridge="br-two")
    for vif in (one, two):
        os_vif.plug(vif, INSTANCE)
    add_port(network, 1)
    add_port(network, 2)
    os_vif.wait_ready(one, PATIENCE)
    waits_for_ovn(two, timeout=0.3)
    ready_after(lambda: network.start_controller("host2"), two)


def test_a_bridge_of_its_own(network: Ovn) -> None:
    """per_port_bridge: OVN knows the VIF by the patch port on its bridge, and by the VIF's own id."""
    from oslo_config import cfg

    cfg.CONF.set_override("per_port_bridge", True, "os_vif_ovs")
    try:
        vif = native()
        os_vif.plug(vif, INSTANCE)
        assert "ovn-installed" in reasons(vif)[0]
        ready_after(lambda: network.add_port(SWITCH, identity(1), f"{mac(1)} {address(1)}"), vif)
    finally:
        cfg.CONF.clear_override("per_port_bridge", "os_vif_ovs")
