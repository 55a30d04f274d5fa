"""Guests boot on taps and reach each other; one that fails says why, and none is left behind."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.guests import Guest, GuestError, Nic
from tests.netns import ip

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("guest_image")]

BOOT_TIMEOUT = 60.0
ONE = Nic("tap1", "02:00:00:00:00:01", "192.0.2.1/24", mtu=1450)
TWO = Nic("tap2", "02:00:00:00:00:02", "192.0.2.2/24", mtu=1450)


@pytest.fixture
def bridge(netns: object) -> None:
    """br0 with two persistent taps, MTU 1450, in a network namespace of the test's own."""
    ip("link", "add", "br0", "mtu", "1450", "type", "bridge", "forward_delay", "0")
    ip("link", "set", "br0", "up")
    for tap in ("tap1", "tap2"):
        ip("tuntap", "add", tap, "mode", "tap")
        ip("link", "set", tap, "mtu", "1450", "master", "br0", "up")


@pytest.fixture
def pair(bridge: None) -> Iterator[tuple[Guest, Guest]]:
    """Two booted guests on br0."""
    with Guest("one", [ONE]) as one, Guest("two", [TWO]) as two:
        one.wait_booted(BOOT_TIMEOUT)
        two.wait_booted(BOOT_TIMEOUT)
        yield one, two


def test_two_guests_on_a_bridge_reach_each_other(pair: tuple[Guest, Guest]) -> None:
    one, two = pair
    there, back = one.ping("192.0.2.2"), two.ping("192.0.2.1")
    assert (there.sent, there.received) == (3, 3), there
    assert (back.sent, back.received) == (3, 3), back
    assert len(there.rtts) == 3
    assert all(0 < rtt < 1000 for rtt in there.rtts)

    # The largest packet of the network's MTU (1450, less the headers of IP and ICMP) goes through whole.
    assert one.ping("192.0.2.2", size=1450 - 28).received == 3
    assert one.run("cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu").split() == [ONE.mac, "1450"]

    # A guest still answers while its network is broken, and sees that it is.
    ip("link", "set", "tap2", "nomaster")
    assert one.ping("192.0.2.2").received == 0
    assert two.ping("192.0.2.1").received == 0
    ip("link", "set", "tap2", "master", "br0")
    assert one.ping("192.0.2.2").received == 3


def test_a_card_is_put_on_another_tap_while_its_guest_runs(pair: tuple[Guest, Guest]) -> None:
    one, _ = pair
    boot = one.run("cat /proc/sys/kernel/random/boot_id")
    one.detach()
    assert "eth0" not in one.run("ls /sys/class/net")

    # QEMU holds nothing of the old tap: the new one of its name is the one it opens.
    ip("link", "delete", "tap1")
    ip("tuntap", "add", "tap1", "mode", "tap")
    ip("link", "set", "tap1", "mtu", "1450", "master", "br0", "up")
    one.attach()
    assert one.ping("192.0.2.2", size=1450 - 28).received == 3
    assert one.run("cat /proc/sys/kernel/random/boot_id") == boot


def test_a_card_whose_tap_is_not_there_is_an_error_with_qemus_reason(pair: tuple[Guest, Guest]) -> None:
    one, _ = pair
    one.detach()
    ip("link", "delete", "tap1")
    ip("link", "add", "tap1", "type", "bridge")
    with pytest.raises(GuestError, match=r"guest one: netdev_add: .*tap1"):
        one.attach()


def test_a_command_that_fails_in_the_guest_is_an_error_with_its_output(pair: tuple[Guest, Guest]) -> None:
    one, _ = pair
    with pytest.raises(GuestError, match=r"guest one: cat /absent: exit code 1: .*No such file"):
        one.run("cat /absent")
    assert one.run("echo $((6 * 7)); echo end without newline | tr -d '\\n'") == "42\nend without newline"


def test_a_guest_without_its_tap_says_what_qemu_said(netns: object) -> None:
    # QEMU would make a tap that is not there, so the name is taken by something else.
    ip("link", "add", "tap1", "type", "bridge")
    with (
        Guest("lost", [ONE]) as guest,
        pytest.raises(GuestError, match=r"guest lost: boot: QEMU ended: .*tap1"),
    ):
        guest.wait_booted(BOOT_TIMEOUT)


def test_a_guest_that_does_not_boot_in_time_says_so() -> None:
    with (
        Guest("slow", ()) as guest,
        pytest.raises(GuestError, match=r"guest slow: boot: no answer within 0\.05 s"),
    ):
        guest.wait_booted(0.05)


def test_a_guest_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    started = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from demo.guests import Guest; g = Guest('orphan', ()); g.start();"
            "print(g._process.pid, flush=True); os._exit(1)",
        ],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"TMPDIR": str(tmp_path)},  # nobody is left to clean up
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    process = Path("/proc") / started.stdout.strip()
    deadline = time.monotonic() + 5
    while process.exists() and "State:\tZ" not in (process / "status").read_text():
        assert time.monotonic() < deadline, f"{process} still runs"
        time.sleep(0.02)
