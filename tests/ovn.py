"""A private OVN for a test: its databases, ovn-northd, and ovn-controller on the host where the test plugs VIFs.

Tests take the ``ovn`` fixture (imported by their conftest.py beside ``ovs``). The host's Open vSwitch is the one of
the fixture ``ovs``; what a cloud would have on other machines runs beside it, on unix sockets.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemons import Daemons
from tests.ovs import OpenVSwitch

SCHEMAS = Path("/usr/share/ovn")
PROGRAMS = ("ovn-northd", "ovn-controller", "ovn-nbctl", "ovn-sbctl")
CHASSIS = "host1"
BRIDGE = "br-int"


@pytest.fixture
def ovn(ovs: OpenVSwitch) -> Iterator[Ovn]:
    """OVN runs with empty databases, and its controller has made the integration bridge of this host."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: install ovn-central and ovn-host")
    running = Ovn(ovs)
    try:
        running.start_central()
        running.configure(**{"system-id": CHASSIS, "ovn-remote": running.southbound})
        running.configure(**{"ovn-encap-type": "geneve", "ovn-encap-ip": "127.0.0.1"})
        running.configure(**{"ovn-bridge-datapath-type": "netdev"})
        running.start_controller()
        running.wait_for_bridge(BRIDGE)
        yield running
    finally:
        running.stop()


class Ovn(Daemons):
    """OVN in the directory of the switch it controls; `southbound` is what ovn-controller connects to."""

    def __init__(self, ovs: OpenVSwitch) -> None:
        super().__init__(ovs.directory)
        self.ovs = ovs
        self.northbound, self.southbound = (f"unix:{self.directory}/{side}.sock" for side in ("nb", "sb"))
        self._controllers: list[str] = []

    def start_central(self) -> None:
        for side in ("nb", "sb"):
            database = self.directory / f"{side}.db"
            self.run("ovsdb-tool", "create", database, SCHEMAS / f"ovn-{side}.ovsschema")
            self.start("ovsdb-server", database, f"--remote=punix:{self.directory}/{side}.sock", name=side)
        self.start("ovn-northd", f"--ovnnb-db={self.northbound}", f"--ovnsb-db={self.southbound}")

    def configure(self, **external_ids: str) -> None:
        """Set what ovn-controller reads on its host: external_ids of the table Open_vSwitch."""
        pairs = (f"external_ids:{key}={value}" for key, value in external_ids.items())
        self.ovs.vsctl("--no-wait", "set", "Open_vSwitch", ".", *pairs)

    def start_controller(self, chassis: str = CHASSIS) -> None:
        """The controller of this host, or of one of the chassis that it is said to be."""
        name = _controller(chassis)
        own = [] if chassis == CHASSIS else ["-n", chassis]
        self._controllers.append(name)
        self.start("ovn-controller", self.ovs.remote, *own, name=name, control=False)

    def kill_controller(self) -> None:
        """SIGKILL: what it has installed stays in ovs-vswitchd."""
        self.kill(_controller(CHASSIS))

    def wait_for_bridge(self, name: str) -> None:
        """Return when the bridge is there, which ovn-controller makes."""
        self.ovs.vsctl("wait-until", "Bridge", name)

    def nbctl(self, *args: str) -> str:
        """What ``ovn-nbctl ARGS`` prints; an AssertionError with its complaint if it fails."""
        return self.run("ovn-nbctl", f"--db={self.northbound}", "--timeout=10", *args)

    def sbctl(self, *args: str) -> str:
        return self.run("ovn-sbctl", f"--db={self.southbound}", "--timeout=10", *args)

    def add_port(self, switch: str, name: str, addresses: str) -> None:
        """A logical port, as a network service makes it: ovn-northd has told the hosts of it, no more.

        addresses: "MAC IP"; switch: the logical switch, made if it is not there.
        """
        port = ("lsp-add", switch, name, "--", "lsp-set-addresses", name, addresses)
        self.nbctl("--wait=sb", "--may-exist", "ls-add", switch, "--", *port)

    def delete_port(self, name: str) -> None:
        """The logical port is gone, from ovn-controller's flows too."""
        self.nbctl("--wait=hv", "lsp-del", name)

    def wait_claimed(self, port: str) -> None:
        """Return when a controller has said that the logical port is on its host."""
        self.sbctl("wait-until", "Port_Binding", port, "chassis!=[]")

    def wait_released(self, port: str) -> None:
        """Return when no host has the logical port."""
        self.sbctl("wait-until", "Port_Binding", port, "chassis=[]")

    def stop(self) -> None:
        """All daemons of OVN are gone; the switch's are not."""
        for name in (*self._controllers, "ovn-northd", "sb", "nb"):
            self.kill(name)


def _controller(chassis: str) -> str:
    return f"ovn-controller-{chassis}"
