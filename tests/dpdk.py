"""Open vSwitch with DPDK, and a guest behind a vhost-user socket: dpdk-testpmd in QEMU's place.

Huge pages are the machine's: as many as are needed are asked for, and given back at the end. The guest's card is a
tap in a network namespace of its own, to which testpmd carries what comes through the socket.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.netns import enter, ip, new_namespace
from tests.ovs import SCHEMA, OpenVSwitch

VSWITCHD = Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")
HUGE_PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
PAGES = 256  # of 2 MiB
CARD = "gtap"
PATIENCE = 15.0  # seconds in which testpmd has made its card


@pytest.fixture
def dpdk(netns: None) -> Iterator[OpenVSwitch]:
    """Open vSwitch with DPDK is running, with an empty database."""
    missing = [p for p in ("ovsdb-server", "dpdk-testpmd", str(VSWITCHD)) if shutil.which(p) is None]
    if missing or not SCHEMA.exists():
        pytest.skip(f"no {', '.join(missing) or SCHEMA}: install openvswitch-switch-dpdk and dpdk-dev")
    with _huge_pages(), tempfile.TemporaryDirectory(prefix="ovs-") as directory:
        running = OpenVSwitch(Path(directory))
        running.vswitchd = str(VSWITCHD)
        try:
            running.create()
            running.start_ovsdb()
            running.vsctl("--no-wait", "init")
            options = {
                "dpdk-init": "true",
                "dpdk-socket-mem": "128",
                "dpdk-lcore-mask": "0x1",
                "pmd-cpu-mask": "0x2",
                "pmd-maxsleep": "500",
                "dpdk-extra": "--no-pci --in-memory",
            }
            words = [f"other_config:{key}={value}" for key, value in options.items()]
            running.vsctl("--no-wait", "set", "Open_vSwitch", ".", *words)
            running.start_vswitchd()
            yield running
        finally:
            running.stop()


@contextlib.contextmanager
def _huge_pages() -> Iterator[None]:
    try:
        before = HUGE_PAGES.read_text()
        HUGE_PAGES.write_text(str(int(before) + PAGES))
    except OSError as error:
        pytest.skip(f"no huge pages can be had: {error}")
    try:
        if int(HUGE_PAGES.read_text()) < int(before) + PAGES:
            pytest.skip(f"this machine has no {PAGES} huge pages of 2 MiB to spare")
        yield
    finally:
        _give_back(int(before))


def _give_back(pages: int) -> None:
    """The kernel keeps what is still in use: that of a daemon that has just ended, for a moment."""
    deadline = time.monotonic() + PATIENCE
    HUGE_PAGES.write_text(str(pages))
    while int(HUGE_PAGES.read_text()) > pages and time.monotonic() < deadline:
        time.sleep(0.05)
        HUGE_PAGES.write_text(str(pages))


@contextlib.contextmanager
def guest(socket: Path, *, serves: bool, address: str, mtu: int) -> Iterator[None]:
    """A guest at the other end of a vhost-user socket, with this IP address and prefix length.

    serves: it makes the socket, as QEMU in mode server does; else it connects to the one of Open vSwitch.
    """
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    new_namespace()
    device = f"net_virtio_user0,path={socket},queues=1" + (",server=1" if serves else "")
    command = [
        *("dpdk-testpmd", "--in-memory", "--no-pci", "--no-telemetry", "--socket-mem", "64"),
        *(
            "--single-file-segments",
            "-l",
            "0-1",
            f"--vdev={device}",
            f"--vdev=net_tap0,iface={CARD},mac=fixed",
        ),
        *("--", "--auto-start", "--forward-mode=io", "--total-num-mbufs=4096"),
        *("--no-lsc-interrupt", "--no-mlockall", "--stats-period=1"),
    ]
    log = socket.with_name("testpmd.log")
    environment = os.environ | {"RUNTIME_DIRECTORY": str(socket.parent)}
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment
        )
    try:
        _wait_for_card(running, log)
        ip("link", "set", "lo", "up")
        ip("link", "set", CARD, "mtu", mtu, "up")
        ip("addr", "add", address, "dev", CARD)
        enter(here)
        yield
    finally:
        running.terminate()
        running.communicate(timeout=10)
        enter(here)
        os.close(here)


def _wait_for_card(running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(["ip", "link", "show", CARD], capture_output=True, check=False).returncode:
        assert running.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)
