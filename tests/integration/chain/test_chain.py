"""The whole chain, every link of it real: a port of Neutron's REST API until two guests reach each other.

Neutron 29 binds the port, Nova 34 reads it and has it plugged by this library, libvirt boots the guest with the card
that Nova renders, Neutron's Open vSwitch agent wires it and reports it, and Neutron says ACTIVE.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.integration.chain.cloud import HOST
from tests.integration.chain.conftest import Site
from tests.netns import ip_json

from demo import domains

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

PROJECT = "9d1a6a4c0d0a4ae39dfd6cb7c4bd3cb6"
BOOT_TIMEOUT = 120.0
NOOP, HYBRID = "noop", "iptables_hybrid"


def bound_port(site: Site, network: dict[str, Any], number: int) -> dict[str, Any]:
    """A port as Nova has it when it has found a host for an instance."""
    device = {"device_id": site.compute.do("instance_id"), "device_owner": "compute:nova"}
    port = site.neutron.create(
        "port", network_id=network["id"], project_id=PROJECT, name=f"port{number}", **device
    )
    site.neutron.request("PUT", f"ports/{port['id']}", {"port": {"binding:host_id": HOST}})
    return site.neutron.port(port["id"])


def with_card(description: str, card: str) -> str:
    domain = ElementTree.fromstring(description)
    devices = domain.find("devices")
    assert devices is not None
    devices.append(ElementTree.fromstring(card))
    return ElementTree.tostring(domain, encoding="unicode")


def status(site: Site, port: dict[str, Any]) -> str:
    return str(site.neutron.port(port["id"])["status"])


def test_from_a_port_of_neutron_to_guests_that_reach_each_other(site: Site) -> None:
    """One guest is plugged plainly, the other through a Linux bridge: as the agent tells Neutron it wants it."""
    network = site.neutron.create("network", name="private", project_id=PROJECT)
    site.neutron.create(
        "subnet",
        network_id=network["id"],
        project_id=PROJECT,
        ip_version=4,
        cidr="192.0.2.0/24",
        enable_dhcp=False,
    )
    ports, guests = [], []
    for number, firewall_driver in enumerate((NOOP, HYBRID)):
        site.neutron.start_agent(firewall_driver)
        port = bound_port(site, network, number)
        assert port["binding:vif_type"] == "ovs"
        assert port["binding:vif_details"]["ovs_hybrid_plug"] is (firewall_driver == HYBRID)
        vif: Any = site.compute.do("read", port=port["id"])
        assert (vif["id"], vif["type"], vif["active"]) == (port["id"], "ovs", False)
        site.compute.do("plug", vif)
        ports.append(port)
        guests.append(vif)
    connection: Any
    with site.libvirtd.open() as connection:
        for number, vif in enumerate(guests):
            address = ports[number]["fixed_ips"][0]["ip_address"]
            description = domains.description(
                f"guest{number}", site.libvirtd.directory, {"eth0": f"{address}/24"}
            )
            connection.createXML(with_card(description, str(site.compute.do("xml", vif))), 0)
        for port in ports:
            site.neutron.wait(
                lambda port=port: status(site, port) == "ACTIVE",  # type: ignore[misc]
                60,
                f"port {port['name']} does not become ACTIVE",
            )
        with (
            closing(domains.shell("guest0", site.libvirtd.directory)) as first,
            closing(domains.shell("guest1", site.libvirtd.directory)) as second,
        ):
            first.wait_booted(BOOT_TIMEOUT)
            second.wait_booted(BOOT_TIMEOUT)
            there = first.ping(ports[1]["fixed_ips"][0]["ip_address"])
            back = second.ping(ports[0]["fixed_ips"][0]["ip_address"])
            assert (there.received, back.received) == (3, 3)
        # the service starts again: guests do not notice
        for vif in guests:
            site.compute.do("plug", vif)
        for domain in connection.listAllDomains():
            domain.destroy()
    for vif in guests:
        site.compute.do("unplug", vif)
    names = {str(link["ifname"]) for link in ip_json("link", "show")}
    assert not [name for name in names if name.startswith(("tap", "qbr", "qvb", "qvo"))]
    for port in ports:
        site.neutron.wait(
            lambda port=port: status(site, port) == "DOWN",  # type: ignore[misc]
            30,
            f"port {port['name']} does not go down",
        )
