"""`make demo`: two guests on one network, plugged, broken, checked, mended and unplugged with the os-vif command.

On a Linux bridge, then on Open vSwitch; the guests run on while they are moved. Everything happens in a network
namespace that plays the host, so it needs no spare machine and leaves nothing behind. Each step proves what it
says: the exit code is 1 as soon as one is not as said.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from demo import acts, guests, host, libvirtact, prepare
from demo.acts import Scene
from demo.guests import Guest
from demo.story import NotAsSaidError, Story
from demo.vifs import CARDS

# What can be asked for by name; all, if nothing is.
ACTS: Mapping[str, Callable[[Scene], None]] = {
    "bridge": acts.linux_bridge,
    "ovs": acts.open_vswitch,
    "libvirt": libvirtact.play,
}


def main(arguments: Sequence[str]) -> int:
    """Run `python -m demo [bridge|ovs|libvirt]`; "inside" comes first where the namespace is made already."""
    inside = list(arguments[:1]) == ["inside"]
    wanted = list(arguments[1:] if inside else arguments)
    if len(wanted) > 1 or not ACTS.keys() >= set(wanted):
        print(f"usage: python -m demo [{'|'.join(ACTS)}]", file=sys.stderr)
        return 2
    return tell(wanted or list(ACTS)) if inside else unshared(wanted)


def unshared(wanted: Sequence[str]) -> int:
    """Prepare, and do the rest in namespaces of its own; returns the exit code."""
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
    command = [*unshare, sys.executable, "-m", "demo", "inside", *wanted]
    return subprocess.run(command, check=False).returncode


def tell(wanted: Sequence[str]) -> int:
    # The os-vif of this interpreter's installation comes first, under the name a user types.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{prepare.PATH}"
    with tempfile.TemporaryDirectory(prefix="os-vif-demo-") as directory:
        story = Story(Path(directory))
        try:
            play(story, wanted)
        except (NotAsSaidError, guests.GuestError) as error:
            print(f"\nNot as it should be: {error}", file=sys.stderr)
            return 1
    return 0


def play(story: Story, wanted: Sequence[str]) -> None:
    with story.step("A host with something on it that is none of os-vif's business") as step:
        # /sys shows the links of the namespace it was mounted in; in /run os-vif keeps its lock files.
        step.run("mount", "-t", "sysfs", "sysfs", "/sys")
        step.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for command in host.OPERATOR:
            step.run(*shlex.split(command))
        before = host.State.now(host.LINUX)

    with ExitStack() as running:
        scene = Scene(story, tuple(Guest(card.guest, [card.nic]) for card in CARDS), running)
        for name in wanted:
            ACTS[name](scene)

    with story.step("The host is as before") as step:
        before.expect_unchanged(step, host.LINUX)

    story.end("All as said.")
