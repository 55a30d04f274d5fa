"""A guest loses no packet while its VIF is plugged again and again: a service restart costs nothing."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import threading
from collections.abc import Iterator

import pytest
from tests.netns import ip
from tests.vifs import INSTANCE, bridge_vif

import os_vif

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
GUEST = "192.0.3.10"


@pytest.fixture
def guest(host: None) -> Iterator[None]:
    """What a hypervisor does: it opens tap1, and the guest behind it answers ARP and ping."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            if select.select([device], [], [], 0.05)[0]:
                reply = _reply(os.read(device, 2048))
                if reply:
                    os.write(device, reply)

    os_vif.plug(bridge_vif(mtu=1450, nic="nic0", filtered=False), INSTANCE)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"tap1", IFF_TAP | IFF_NO_PI))
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        os.close(device)


def test_no_packet_is_lost(guest: None) -> None:
    vif = bridge_vif(mtu=1450, nic="nic0", filtered=False)
    ip("addr", "add", "192.0.3.1/24", "dev", "br0")
    subprocess.run(["ping", "-c", "1", "-w", "5", GUEST], check=True, capture_output=True)
    command = ["ping", "-q", "-i", "0.001", "-c", "1500", "-W", "2", GUEST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
        plugs = 0
        while ping.poll() is None and plugs < 100:
            os_vif.plug(vif, INSTANCE)
            plugs += 1
        assert ping.poll() is None, "the pings were over before the plugs"
        assert ping.stdout is not None
        told = ping.stdout.read()
    assert plugs == 100
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", told)
    assert counts, told
    assert counts[1] == counts[2] == "1500", told


def _reply(frame: bytes) -> bytes | None:
    """The guest's network stack."""
    mac = b"\x02\0\0\0\0\x01"
    kind = frame[12:14]
    if (
        kind == b"\x08\x06"
        and frame[20:22] == b"\0\x01"
        and frame[38:42] == bytes(map(int, GUEST.split(".")))
    ):
        answer = mac + frame[38:42] + frame[22:32]
        return frame[6:12] + mac + frame[12:20] + b"\0\x02" + answer
    if kind == b"\x08\0" and frame[23] == 1 and frame[34] == 8:
        echo = bytearray(frame[34:])
        echo[0] = 0
        echo[2:4] = struct.pack("!H", _fold(struct.unpack("!H", echo[2:4])[0] + 0x0800))
        return frame[6:12] + mac + frame[12:26] + frame[30:34] + frame[26:30] + bytes(echo)
    return None


def _fold(total: int) -> int:
    return (total & 0xFFFF) + (total >> 16)
