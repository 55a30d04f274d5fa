"""The act with libvirt: two guests brought up in the only honest order, by os_vif.virt.libvirt, in one call each."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from demo import domains, host, libvirtd, openvswitch, vifs
from demo.story import NotAsSaidError, Step
from demo.vifs import CARDS, INTEGRATION_BRIDGE, MTU

if TYPE_CHECKING:
    from demo.acts import Scene
    from demo.libvirtd import Libvirtd
    from os_vif.virt.libvirt import Guest

BOOT_TIMEOUT = 60.0
READY_TIMEOUT = 30.0


def play(scene: Scene) -> None:
    """One guest on a port of Open vSwitch, one on a Linux bridge before it, both started, joined and stopped."""
    story = scene.story
    lacking = libvirtd.missing()
    if lacking is not None:
        with story.step("Guests of libvirt: left out") as step:
            step.say(lacking)
        return
    with openvswitch.running(), ExitStack() as running:
        with story.step("Open vSwitch runs on this host, and libvirt") as step:
            bridge = ("add-br", INTEGRATION_BRIDGE, "--", "set", "Bridge", INTEGRATION_BRIDGE)
            step.run("ovs-vsctl", "--timeout=10", *bridge, "datapath_type=netdev")
            configuration = f"[os_vif_ovs]\novsdb_connection = {openvswitch.CONNECTION}\n"
            (story.directory / "os-vif.conf").write_text(configuration)
            daemon = running.enter_context(libvirtd.running())
            before = host.State.now(host.OPEN_VSWITCH)

        with story.step("What libvirt is told of two VIFs of different types") as step:
            made: list[vifs.DemoVif] = [vifs.on_open_vswitch(CARDS[0]), vifs.hybrid(CARDS[1])]
            (story.directory / "libvirt.json").write_text(vifs.file_of(made))
            step.run("os-vif", "render", "libvirt", "libvirt.json")

        started: list[tuple[Guest, object]] = []
        with story.step("Start two guests: plug, see that it is ready, define, start") as step:
            connection = running.enter_context(daemon.open())
            for card, vif in zip(CARDS, made, strict=True):
                started.append(_start(step, card, vif, connection, daemon, story.directory / "os-vif.conf"))
            step.run("virsh", "--quiet", "--connect", daemon.uri, "list")

        with story.step("They reach each other") as step:
            shells = [domains.shell(card.guest, daemon.directory) for card in CARDS]
            for shell in shells:
                running.callback(shell.close)
                shell.wait_booted(BOOT_TIMEOUT)
            for card, other, shell in ((*CARDS, shells[0]), (*CARDS[::-1], shells[1])):
                step.typed(f"ping -c 3 -s {MTU - 28} {other.ip}", prompt=f"{card.guest}#")
                result = shell.ping(other.ip, size=MTU - 28)
                step.say(str(result))
                if result.received != result.sent:
                    raise NotAsSaidError(f"guest {card.guest}, pinging {other.ip}: {result}")

        with story.step("Stop both: switch off, unplug") as step:
            for guest, domain in started:
                guest.stop(domain)  # type: ignore[arg-type]  # what start() returned
            step.run("os-vif", "list", "--config-file", "os-vif.conf")

        with story.step("Open vSwitch is as before") as step:
            before.expect_unchanged(step, host.OPEN_VSWITCH)


def _start(
    step: Step, card: vifs.Card, vif: vifs.DemoVif, connection: object, daemon: Libvirtd, configuration: Path
) -> tuple[Guest, object]:
    library = vifs.library(configuration)
    from os_vif.objects.instance_info import InstanceInfo
    from os_vif.virt import Card
    from os_vif.virt.libvirt import Guest

    instance = InstanceInfo(uuid=card.vif_id, name=card.guest, project_id="")
    guest = Guest(library, instance, [(vif, Card())], timeout=READY_TIMEOUT)
    begun = time.monotonic()
    described = domains.description(card.guest, daemon.directory, {"eth0": card.nic.address})
    domain = guest.start(connection, described)  # type: ignore[arg-type]  # of bindings without types
    step.say(f"guest {card.guest} is started on {card.nic.tap}, {time.monotonic() - begun:.2f} s")
    return guest, domain
