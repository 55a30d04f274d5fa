"""`make demo`: two guests on one network, plugged, broken, checked, mended and unplugged with the os-vif command.

Everything happens in a network namespace that plays the host, so it needs no spare machine and leaves nothing
behind. Each step proves what it says: the exit code is 1 as soon as one is not as said.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from demo import guests, prepare
from demo.guests import Guest, Nic
from demo.story import NotAsSaidError, Step, Story

BRIDGE = "br-demo"
MTU = 1450
BOOT_TIMEOUT = 60.0

# What is on the host before os-vif comes, and must still be there, unchanged, when it is gone.
OPERATOR = (
    "ip link set lo up",
    "ip tuntap add mgmt0 mode tap",
    "ip address add 198.51.100.10/24 dev mgmt0",
    "ip link set mgmt0 up",
    "ip route add default via 198.51.100.1",
    "nft add table inet operator",
    "nft 'add chain inet operator input { type filter hook input priority 0; }'",
    "nft add rule inet operator input tcp dport 23 drop",
)

# Commands that show the state of a host, and what they list.
HOST_STATE = {
    "ip -d -j link": "links",
    "ip -j address": "links with addresses",
    "ip -j route show table all": "routes",
    "nft -j --stateless list ruleset": "tables, chains and rules",
}


@dataclass(frozen=True, slots=True)
class Card:
    """One guest's network card: the VIF's file, and the guest's side of it."""

    guest: str
    file: str
    vif_id: str
    nic: Nic

    @property
    def ip(self) -> str:
        return self.nic.address.partition("/")[0]


CARDS = (
    Card(
        "one",
        "one.json",
        "11111111-cafe-4000-8000-000000000001",
        Nic("tap1", "02:00:00:00:00:01", "10.0.0.1/24", MTU),
    ),
    Card(
        "two",
        "two.json",
        "22222222-cafe-4000-8000-000000000002",
        Nic("tap2", "02:00:00:00:00:02", "10.0.0.2/24", MTU),
    ),
)


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["inside"]:
        return tell()
    if arguments:
        print("usage: python -m demo", file=sys.stderr)
        return 2
    try:
        prepare.prepare()
    except prepare.PrepareError as error:
        print(f"demo: {error}", file=sys.stderr)
        return prepare.EXIT_MISSING
    unshare = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "-Urnm"]
    print(f"In a network namespace of its own, which plays the host ({' '.join(unshare)}).")
    if os.geteuid() != 0:
        print("You are not root; inside this user namespace you are, as far as it reaches.")
    print(flush=True)
    return subprocess.run([*unshare, sys.executable, "-m", "demo", "inside"], check=False).returncode


def tell() -> int:
    # The os-vif of this interpreter's installation comes first, under the name a user types.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{prepare.PATH}"
    with tempfile.TemporaryDirectory(prefix="os-vif-demo-") as directory:
        story = Story(Path(directory))
        try:
            play(story)
        except (NotAsSaidError, guests.GuestError) as error:
            print(f"\nNot as it should be: {error}", file=sys.stderr)
            return 1
    return 0


def play(story: Story) -> None:
    one, two = (Guest(card.guest, [card.nic]) for card in CARDS)

    with story.step("A host with something on it that is none of os-vif's business") as step:
        # /sys shows the links of the namespace it was mounted in; in /run os-vif keeps its lock files.
        step.run("mount", "-t", "sysfs", "sysfs", "/sys")
        step.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for command in OPERATOR:
            step.run(*shlex.split(command))
        before = host_state()

    with story.step("Two VIFs, as a network service sends them") as step:
        for card in CARDS:
            (story.directory / card.file).write_text(vif_json(card))
        step.say(f"{CARDS[0].file}, and {CARDS[1].file} like it:")
        step.say((story.directory / CARDS[0].file).read_text())

    with story.step("Plug both") as step:
        for card in CARDS:
            step.run("os-vif", "plug", card.file)
        step.run("os-vif", "list")

    with ExitStack() as running:
        with story.step("Boot a guest on each tap") as step:
            for guest in (one, two):
                running.enter_context(guest)
            for guest in (one, two):
                guest.wait_booted(BOOT_TIMEOUT)
            step.say(f"two QEMU guests are up, Linux {one.run('uname -r').strip()}")

        with story.step("They reach each other") as step:
            ping(step, one, CARDS[1], answers=True)
            ping(step, two, CARDS[0], answers=True)

        with story.step("check finds nothing wrong") as step:
            for card in CARDS:
                step.run("os-vif", "check", card.file)

        with story.step("Break the second one by hand: tap out of the bridge, wrong MTU") as step:
            step.run("ip", "link", "set", "tap2", "nomaster", "mtu", "1400")
            ping(step, one, CARDS[1], answers=False)

        with story.step("check says what is wrong") as step:
            step.run("os-vif", "check", CARDS[0].file)
            said = step.run("os-vif", "check", CARDS[1].file, status=1)
            for word in ("tap2", BRIDGE, "1400", str(MTU)):
                if word not in said:
                    raise NotAsSaidError(f"check does not speak of {word}")

        with story.step("repair mends it") as step:
            step.run("os-vif", "repair", CARDS[1].file)
            step.run("os-vif", "check", CARDS[1].file)

        with story.step("They reach each other again") as step:
            ping(step, one, CARDS[1], answers=True)
            ping(step, two, CARDS[0], answers=True)

    with story.step("The guests are off; unplug both, the second with what was shared") as step:
        step.run("os-vif", "unplug", CARDS[0].file)
        step.run("os-vif", "unplug", "--shared", CARDS[1].file)
        step.run("os-vif", "list")

    with story.step("The host is as before") as step:
        after = host_state()
        if after != before:
            raise NotAsSaidError("\n".join(["the host is not as it was:", *difference(before, after)]))
        for command, listed in HOST_STATE.items():
            step.typed(command)
            step.say(f"{entries(after[command])} {listed}, as before")

    story.end("All as said.")


def vif_json(card: Card) -> str:
    """The VIF as JSON in the wire format, with the network it is on."""
    with warnings.catch_warnings():
        # oslo.versionedobjects imports eventlet, which warns of itself.
        warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
        from os_vif import objects
    objects.register_all()
    network = objects.network.Network(
        id="99999999-cafe-4000-8000-000000000009",
        bridge=BRIDGE,
        label="demo",
        mtu=MTU,
        should_provide_bridge=True,
    )
    vif = objects.vif.VIFBridge(
        id=card.vif_id,
        plugin="linux_bridge",
        address=card.nic.mac,
        vif_name=card.nic.tap,
        bridge_name=BRIDGE,
        network=network,
        port_profile=objects.vif.VIFPortProfileLinuxBridge(create_tap=True),
    )
    return layout(json.loads(objects.to_json(vif))) + "\n"


def ping(step: Step, guest: Guest, other: Card, *, answers: bool) -> None:
    """Ping from a guest with the largest packets the network takes; raises NotAsSaidError."""
    size = MTU - 28  # less the headers of IPv4 and ICMP
    step.typed(f"ping -c 3 -s {size} {other.ip}", prompt=f"{guest.name}#")
    result = guest.ping(other.ip, count=3, size=size)
    step.say(str(result))
    if result.received != (result.sent if answers else 0):
        raise NotAsSaidError(f"guest {guest.name}, pinging {other.ip}: {result}")


def host_state() -> dict[str, str]:
    """What HOST_STATE's commands print."""
    quiet = Step(Path("/"))
    return {command: quiet.run(*command.split()) for command in HOST_STATE}


def entries(listing: str) -> int:
    """How many objects a listing of HOST_STATE has; nft adds one about itself and wraps all in an object."""
    listed = json.loads(listing)
    return len(listed["nftables"]) - 1 if isinstance(listed, dict) else len(listed)


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for command in HOST_STATE:
        was, is_now = (text.replace("},", "},\n").splitlines() for text in (before[command], after[command]))
        lines += difflib.unified_diff(
            was, is_now, f"{command} (before)", f"{command} (after)", lineterm="", n=0
        )
    return lines


def layout(value: object, width: int = 80, depth: int = 0) -> str:
    """JSON as a person would set it: what fits on a line stays on it."""
    line = json.dumps(value, sort_keys=True)
    if len(line) + depth * 2 <= width or not isinstance(value, dict):
        return line
    indent = "  " * (depth + 1)
    items = [
        f"{indent}{json.dumps(key)}: {layout(item, width, depth + 1)}" for key, item in sorted(value.items())
    ]
    return "{\n" + ",\n".join(items) + "\n" + "  " * depth + "}"
