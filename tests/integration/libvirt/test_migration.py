"""A running guest goes on on other VIFs: its state is saved and restored with the description for its new host.

libvirt holds the new description to the same rules as at a migration: what the guest sees may not change. A second
host is not needed for that.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any
from xml.etree import ElementTree

import pytest
from demo.libvirtd import Libvirtd
from tests import ovsvifs
from tests.directvifs import host_device_vif
from tests.netns import ip
from tests.ovs import OpenVSwitch
from tests.vifs import bridge_vif

import os_vif
from demo import domains
from os_vif import exception
from os_vif.objects.instance_info import InstanceInfo
from os_vif.virt import Card
from os_vif.virt.libvirt import Guest, migration_xml

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

INSTANCE = InstanceInfo(uuid="0a0a0a0a-cafe-4000-8000-000000000001", name="one", project_id="")
_MIGRATABLE = 8  # VIR_DOMAIN_XML_MIGRATABLE


def test_a_guest_goes_on_where_its_vifs_are_of_other_types(
    host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
    ip("address", "add", "192.0.2.254/24", "dev", "br0")
    ip("link", "set", "br0", "up")
    source = bridge_vif(1, bridge="br0", tap=False, name="tap1", mtu=ovsvifs.MTU)
    card = Card(boot_order=1, alias="ua-front")
    guest = Guest(os_vif, INSTANCE, [(source, card)])
    domain = guest.start(connection, domains.description("guest", daemon.directory, {"eth0": "192.0.2.1/24"}))
    with closing(domains.shell("guest", daemon.directory)) as shell:
        shell.wait_booted(120)
        assert shell.ping("192.0.2.254").received == 3
        boot = shell.run("cat /proc/sys/kernel/random/boot_id")
        shell.close()
    xml = domain.XMLDesc(_MIGRATABLE)
    target = ovsvifs.native(1)
    target.address = source.address
    described = migration_xml(xml, [target])
    old, new = _card(xml), _card(described)
    assert (new.get("type"), new.find("target").attrib) == (  # type: ignore[union-attr]
        "ethernet",
        {"dev": target.vif_name, "managed": "no"},
    )
    assert new.find("source") is None
    for seen in ("mac", "model", "boot", "alias", "address", "mtu"):
        assert _attributes(new, seen) == _attributes(old, seen)

    saved = str(daemon.directory / "saved")
    domain.saveFlags(saved, None, 0)
    os_vif.unplug(source, INSTANCE)
    ip("address", "flush", "dev", "br0")
    ip("address", "add", "192.0.2.254/24", "dev", "br-int")
    ip("link", "set", "br-int", "up")
    os_vif.plug(target, INSTANCE)
    connection.restoreFlags(saved, described, 0)
    with closing(domains.shell("guest", daemon.directory)) as shell:
        shell.run("ip neigh flush dev eth0", timeout=30)  # the gateway of this test is another device now
        assert shell.ping("192.0.2.254").received == 3
        assert shell.run("cat /proc/sys/kernel/random/boot_id") == boot  # it ran on
    Guest(os_vif, INSTANCE, [(target, Card())]).stop(connection.lookupByName("guest"))
    assert host.vsctl("list-ports", "br-int") == ""


DOMAIN = """\
<domain type="qemu"><name>guest</name><devices>
  <interface type="bridge"><mac address="02:00:00:00:00:01"/><source bridge="br0"/><target dev="tap1"/></interface>
  <interface type="bridge"><mac address="02:00:00:00:00:02"/><source bridge="br0"/><target dev="tap2"/>
    <driver name="vhost" queues="2"/><filterref filter="clean-traffic"/><mtu size="1450"/></interface>
</devices></domain>
"""


def test_every_card_needs_its_vif_and_every_vif_its_card() -> None:
    one, two, three = (bridge_vif(n, bridge="br1", tap=False) for n in (1, 2, 3))
    with pytest.raises(exception.NotMigratable, match=r"its card 02:00:00:00:00:02 has no VIF"):
        migration_xml(DOMAIN, [one])
    with pytest.raises(exception.NotMigratable, match=r"it has no card 02:00:00:00:00:03"):
        migration_xml(DOMAIN, [one, two, three])
    with pytest.raises(exception.NotMigratable, match=r"a device of the host itself"):
        migration_xml(DOMAIN, [one, host_device_vif(2)])


def test_what_the_new_kind_of_card_cannot_have_is_left_out() -> None:
    one, two = bridge_vif(1, bridge="br1", tap=False), ovsvifs.vhost_user(2)
    made = ElementTree.fromstring(migration_xml(DOMAIN, [two, one])).findall("devices/interface")
    assert [card.get("type") for card in made] == ["bridge", "vhostuser"]
    assert made[0].find("source").attrib == {"bridge": "br1"}  # type: ignore[union-attr]
    assert [child.tag for child in made[1]] == ["mac", "source", "target", "driver"]
    assert made[1].find("driver").attrib == {"queues": "2"}  # type: ignore[union-attr]


def _card(xml: str) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(xml).findall("devices/interface")
    return found


def _attributes(card: ElementTree.Element, path: str) -> dict[str, str]:
    found = card.find(path)
    assert found is not None, path
    return found.attrib
