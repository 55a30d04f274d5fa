"""The acts of the demonstration: the same two guests on a Linux bridge, and on Open vSwitch.

Each act starts with VIFs that are plugged nowhere and ends so, and can be played without the other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from demo import host, openvswitch, vifs
from demo.guests import Guest
from demo.story import NotAsSaidError, Step, Story
from demo.vifs import CARDS, INTEGRATION_BRIDGE, LINUX_BRIDGE, MTU, Card

if TYPE_CHECKING:
    from demo.vifs import DemoVif

BOOT_TIMEOUT = 60.0
CONFIGURED = ("--config-file", "os-vif.conf")


class Scene:
    """Story and guests; `running` switches the guests off when all is over.

    A guest is booted when its card is first put on a tap, and runs on when the card is taken out again.
    """

    def __init__(self, story: Story, guests: tuple[Guest, ...], running: ExitStack) -> None:
        self.story = story
        self.guests = guests
        self._running = running
        self._boots: list[str] = []

    def put_cards_in(self) -> None:
        """The guests' cards are on the taps that have their names now; raises NotAsSaidError if one booted again."""
        if not self._boots:
            with self.story.step("Boot a guest on each tap") as step:
                for guest in self.guests:
                    self._running.enter_context(guest)
                for guest in self.guests:
                    guest.wait_booted(BOOT_TIMEOUT)
                release = self.guests[0].run("uname -r").strip()
                step.say(f"two QEMU guests are up, Linux {release}")
            self._boots = self._boot_ids()
            return
        with self.story.step("Put the guests' cards on the new taps") as step:
            for guest in self.guests:
                guest.attach()
            if self._boot_ids() != self._boots:
                raise NotAsSaidError("a guest has booted again")
            for guest in self.guests:
                uptime = float(guest.run("cat /proc/uptime").split()[0])
                step.say(f"guest {guest.name} runs on, up for {uptime:.0f} s")

    def take_cards_out(self, step: Step) -> None:
        for guest in self.guests:
            guest.detach()
        step.say("the cards are out of the guests, which run on (as virsh detach-interface does it)")

    def expect_pings(self, step: Step) -> None:
        """Each guest reaches the other."""
        one, two = self.guests
        ping(step, one, CARDS[1], answers=True)
        ping(step, two, CARDS[0], answers=True)

    def write_vifs(self, file: str, form: Callable[[Card], DemoVif]) -> list[DemoVif]:
        """A file with both VIFs in one of their forms."""
        made = [form(card) for card in CARDS]
        (self.story.directory / file).write_text(vifs.file_of(made))
        return made

    def _boot_ids(self) -> list[str]:
        return [guest.run("cat /proc/sys/kernel/random/boot_id") for guest in self.guests]


def linux_bridge(scene: Scene) -> None:
    story, one = scene.story, scene.guests[0]

    with story.step("Two VIFs, as a network service sends them") as step:
        first, _ = scene.write_vifs("bridge.json", vifs.on_linux_bridge)
        step.say("bridge.json has two; this is the first, less versions and what is false:")
        step.say(vifs.shortened(first))

    with story.step("Plug both") as step:
        step.run("os-vif", "plug", "bridge.json")
        step.run("os-vif", "list")

    scene.put_cards_in()

    with story.step("They reach each other; check finds nothing wrong") as step:
        scene.expect_pings(step)
        step.run("os-vif", "check", "bridge.json")

    with story.step("Break the second one by hand: tap out of the bridge, wrong MTU") as step:
        step.run("ip", "link", "set", "tap2", "nomaster", "mtu", "1400")
        ping(step, one, CARDS[1], answers=False)

    with story.step("check says what is wrong") as step:
        said = step.run("os-vif", "check", "bridge.json", status=1)
        expect_words(said, "tap2", LINUX_BRIDGE, "1400", str(MTU))

    with story.step("repair mends it") as step:
        step.run("os-vif", "repair", "bridge.json")
        step.run("os-vif", "check", "bridge.json")
        scene.expect_pings(step)

    with story.step("Unplug both, with what was shared") as step:
        scene.take_cards_out(step)
        step.run("os-vif", "unplug", "--shared", "bridge.json")
        step.run("os-vif", "list")


def open_vswitch(scene: Scene) -> None:
    with openvswitch.running():
        with scene.story.step("Open vSwitch runs on this host, with the bridge its controller uses") as step:
            bridge = ("add-br", INTEGRATION_BRIDGE, "--", "set", "Bridge", INTEGRATION_BRIDGE)
            step.run("ovs-vsctl", "--timeout=10", *bridge, "datapath_type=netdev")
            configuration = f"[os_vif_ovs]\novsdb_connection = {openvswitch.CONNECTION}\n"
            (scene.story.directory / "os-vif.conf").write_text(configuration)
            step.run("cat", "os-vif.conf")
            before = host.State.now(host.OPEN_VSWITCH)

        native(scene)
        hybrid(scene)

        with scene.story.step("Open vSwitch is as before") as step:
            before.expect_unchanged(step, host.OPEN_VSWITCH)


def native(scene: Scene) -> None:
    """The taps are ports of Open vSwitch."""
    story, one = scene.story, scene.guests[0]

    with story.step("Plug both as ports of Open vSwitch") as step:
        describe(step, "ovs.json", scene.write_vifs("ovs.json", vifs.on_open_vswitch))
        step.run("os-vif", "plug", *CONFIGURED, "ovs.json")
        step.run("os-vif", "list", *CONFIGURED)

    scene.put_cards_in()

    with story.step("They are ready, reach each other, and check finds nothing wrong") as step:
        step.run("os-vif", "wait", *CONFIGURED, "ovs.json")
        scene.expect_pings(step)
        learned = step.run("ovs-appctl", "fdb/show", INTEGRATION_BRIDGE)
        expect_words(learned, *(card.nic.mac for card in CARDS))
        step.run("os-vif", "check", *CONFIGURED, "ovs.json")

    with story.step("Break the second one by hand: its port out of Open vSwitch") as step:
        step.run("ovs-vsctl", "del-port", "tap2")
        ping(step, one, CARDS[1], answers=False)

    with story.step("check says what is wrong") as step:
        said = step.run("os-vif", "check", *CONFIGURED, "ovs.json", status=1)
        expect_words(said, "tap2")

    with story.step("repair mends it") as step:
        step.run("os-vif", "repair", *CONFIGURED, "ovs.json")
        step.run("os-vif", "check", *CONFIGURED, "ovs.json")
        scene.expect_pings(step)

    with story.step("Unplug both") as step:
        scene.take_cards_out(step)
        step.run("os-vif", "unplug", *CONFIGURED, "ovs.json")


def hybrid(scene: Scene) -> None:
    """Between each tap and Open vSwitch there is a Linux bridge, for filter rules."""
    story = scene.story

    with story.step("Plug both hybrid: tap, Linux bridge, veth pair, Open vSwitch") as step:
        describe(step, "hybrid.json", scene.write_vifs("hybrid.json", vifs.hybrid))
        step.run("os-vif", "plug", *CONFIGURED, "hybrid.json")
        step.say("the taps, which are the hypervisor's to make in this form:")
        for card in CARDS:
            tap = card.nic.tap
            step.run("ip", "tuntap", "add", tap, "mode", "tap")
            step.run("ip", "link", "set", tap, "mtu", str(MTU), "master", card.hybrid_bridge, "up")
        step.run("os-vif", "list", *CONFIGURED)

    scene.put_cards_in()

    with story.step("They reach each other; check finds nothing wrong") as step:
        scene.expect_pings(step)
        step.run("os-vif", "check", *CONFIGURED, "hybrid.json")

    with story.step("Unplug both") as step:
        scene.take_cards_out(step)
        for card in CARDS:
            step.run("ip", "link", "delete", card.nic.tap)
        step.run("os-vif", "unplug", *CONFIGURED, "hybrid.json")
        step.run("os-vif", "list", *CONFIGURED)


def describe(step: Step, file: str, made: list[DemoVif]) -> None:
    """What the VIFs of a file are."""
    step.say(f"{file}:")
    for vif in made:
        step.say(f"  {vifs.described(vif)}")


def ping(step: Step, guest: Guest, other: Card, *, answers: bool) -> None:
    """Ping from a guest with the largest packets the network takes; raises NotAsSaidError."""
    size = MTU - 28  # less the headers of IPv4 and ICMP
    step.typed(f"ping -c 3 -s {size} {other.ip}", prompt=f"{guest.name}#")
    result = guest.ping(other.ip, count=3, size=size)
    step.say(str(result))
    if result.received != (result.sent if answers else 0):
        raise NotAsSaidError(f"guest {guest.name}, pinging {other.ip}: {result}")


def expect_words(said: str, *words: str) -> None:
    """Raises NotAsSaidError if one of them is not in what was said."""
    for word in words:
        if word not in said:
            raise NotAsSaidError(f"{word} is not spoken of")
