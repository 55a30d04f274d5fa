"""What fails on a guest's way up leaves nothing behind, and what is in use is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from demo.libvirtd import Libvirtd, bindings
from tests import ovsvifs
from tests.netns import ip, ip_json
from tests.ovs import OpenVSwitch
from tests.ovsvifs import host as found_on_host
from tests.vifs import bridge_vif

import os_vif
from demo import domains
from os_vif import exception
from os_vif.objects.instance_info import InstanceInfo
from os_vif.virt import Card
from os_vif.virt.libvirt import Guest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

INSTANCE = InstanceInfo(uuid="0a0a0a0a-cafe-4000-8000-000000000001", name="one", project_id="")


def description(daemon: Libvirtd, **replaced: str) -> str:
    xml = domains.description("guest", daemon.directory)
    for old, new in replaced.items():
        assert f"<{old}" in xml
        xml = xml.replace(f"<{old}", new, 1)
    return xml


@pytest.fixture
def vifs(host: OpenVSwitch) -> tuple[Any, Any]:
    """On Open vSwitch, and on a Linux bridge that is there."""
    ip("link", "add", "br0", "type", "bridge")
    ip("link", "set", "br0", "up")
    return ovsvifs.native(1), bridge_vif(2, bridge="br0", tap=True)


def test_a_guest_that_cannot_be_defined_or_started(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    before = found_on_host(host)
    guest = Guest(os_vif, INSTANCE, [(vif, Card()) for vif in vifs])
    for wrong in (
        {"memory unit": "<mem unit"},  # refused by the parser
        {"kernel>": "<kernel>/nowhere"},  # refused by QEMU, after the taps were opened
    ):
        with pytest.raises(bindings().libvirtError):
            guest.start(
                connection, description(daemon, **wrong).replace("</memory>", "</mem>", "mem" in str(wrong))
            )
        assert found_on_host(host) == before
        assert connection.listAllDomains() == []


def test_a_definition_that_was_there_stays_as_it_was(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    defined = connection.defineXML(description(daemon))
    was = defined.XMLDesc(2)
    uuid = defined.UUIDString()
    wrong = description(daemon, **{"kernel>": "<kernel>/nowhere"}).replace(
        "<name>", f"<uuid>{uuid}</uuid><name>"
    )
    with pytest.raises(bindings().libvirtError):
        Guest(os_vif, INSTANCE, [(vifs[0], Card())]).start(connection, wrong)
    (kept,) = connection.listAllDomains()
    assert kept.XMLDesc(2) == was


def test_one_vif_of_two_that_cannot_be_plugged(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    good, bad = vifs[0], bridge_vif(3, bridge="absent0", provide=False, tap=True)
    before = found_on_host(host)
    with pytest.raises(exception.BulkError, match="absent0") as told:
        Guest(os_vif, INSTANCE, [(good, Card()), (bad, Card())]).start(connection, description(daemon))
    assert list(told.value.errors) == [bad.id]
    assert found_on_host(host) == before
    assert connection.listAllDomains() == []


def test_a_vif_that_does_not_become_ready_says_why_and_nothing_is_started(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    before = found_on_host(host)

    class Breaking:
        """Somebody takes the tap out of its bridge between the plug and the wait."""

        def plug_many(self, told: Any) -> None:
            os_vif.plug_many(told)
            ip("link", "set", vifs[1].vif_name, "nomaster")

        unplug_many = staticmethod(os_vif.unplug_many)
        wait_ready = staticmethod(os_vif.wait_ready)

    guest = Guest(Breaking(), INSTANCE, [(vif, Card()) for vif in vifs], timeout=0.5)
    with pytest.raises(exception.NotReady, match=rf"{vifs[1].vif_name}.*br0"):
        guest.start(connection, description(daemon))
    assert found_on_host(host) == before
    assert connection.listAllDomains() == []


def test_a_card_that_no_guest_can_have_is_refused_before_anything_is_done(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    before = found_on_host(host)
    guest = Guest(os_vif, INSTANCE, [(vifs[0], Card()), (vifs[1], Card(queues=4))])
    with pytest.raises(exception.UnfitVIF, match=r"port_profile\.multiqueue|create_tap"):
        guest.start(connection, description(daemon))
    assert found_on_host(host) == before


def test_what_is_in_use_is_left_alone(
    vifs: tuple[Any, Any], host: OpenVSwitch, daemon: Libvirtd, connection: Any
) -> None:
    vif, other = vifs
    guest = Guest(os_vif, INSTANCE, [(vif, Card())], timeout=1)
    # nobody in it answers a request to let go of a card: its kernel waits for a root that never comes
    asleep = description(daemon, **{"initrd>": "<!-- --><initrd>"})
    domain = guest.start(connection, asleep.replace("panic=-1", "panic=0 rdinit=/none"))
    running = found_on_host(host)

    with pytest.raises(exception.GuestRuns, match="guest runs already"):
        Guest(os_vif, INSTANCE, [(vif, Card())]).start(connection, description(daemon))
    with pytest.raises(exception.CardPresent, match="has its card already"):
        guest.attach(domain, vif)
    assert os_vif.check(vif) == []
    assert found_on_host(host) == running

    with pytest.raises(exception.CardKept, match="has not let go of its card"):
        guest.detach(domain, vif)
    assert guest.vifs == (vif,)
    assert os_vif.check(vif) == []

    wrong = bridge_vif(3, bridge="absent0", provide=False, tap=True)
    with pytest.raises(exception.BulkError, match="absent0"):
        guest.attach(domain, wrong)
    assert guest.vifs == (vif,)
    with pytest.raises(bindings().libvirtError):
        guest.attach(domain, other, Card(filterref=_no_such_filter()))
    assert guest.vifs == (vif,)
    assert other.vif_name not in [link["ifname"] for link in ip_json("link", "show")]
    assert found_on_host(host) == running

    guest.stop(domain)
    assert connection.listAllDomains() == []
    assert vif.vif_name not in [link["ifname"] for link in ip_json("link", "show")]


def _no_such_filter() -> Any:
    from os_vif.virt import FilterRef

    return FilterRef("no-such-filter")
