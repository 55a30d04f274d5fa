"""A guest's description for the host it is migrated to: the same guest, on the VIFs of that host.

What the guest itself sees of its cards (model, address in the guest, MTU, alias, boot order) may not change while it
runs and stays as it was; what connects them to the host is that of the destination's VIFs, which may be of another
kind: a guest goes from a Linux bridge to Open vSwitch, or from one that libvirt makes to one that os-vif makes.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from os_vif import exception
from os_vif.objects.vif import VIFBase
from os_vif.virt.libvirt.element import Element, element, takes

# children of <interface> that say where it is connected on its host, in libvirt's own order
_CONNECTION = ("source", "vlan", "virtualport", "target", "backend", "script", "ip", "route", "guest")
# those that only some types of card can have, and by which wish of a card they are spoken of
_WISHES = {"bandwidth": "inbound", "filterref": "filterref", "mtu": "mtu"}


def migration_xml(xml: str, vifs: Iterable[VIFBase]) -> str:
    """The domain's description for virDomainMigrate's destination (VIR_MIGRATE_PARAM_DEST_XML).

    :param xml: of the running domain, as virDomainGetXMLDesc gives it with VIR_DOMAIN_XML_MIGRATABLE
    :param vifs: of the destination, one for each card, which they are told by their MAC addresses
    :raises os_vif.exception.NotMigratable: a card has no VIF, or a VIF no card, or is a device of the host
    :raises os_vif.exception.UnfitVIF, os_vif.exception.NotForGuest: as os_vif.virt.libvirt.element
    """
    domain = ElementTree.fromstring(xml)  # noqa: S314  # libvirt's own
    theirs = {str(vif.address).lower(): vif for vif in vifs}
    for card in domain.iterfind("devices/interface"):
        mac = card.find("mac")
        address = mac.get("address", "").lower() if mac is not None else ""
        vif = theirs.pop(address, None)
        if vif is None:
            reason = f"its card {address or '(without an address)'} has no VIF at the destination"
            raise exception.NotMigratable(guest=_name(domain), reason=reason)
        _connect(card, vif, _name(domain))
    if theirs:
        reason = f"it has no card {', '.join(sorted(theirs))}, for which there is a VIF at the destination"
        raise exception.NotMigratable(guest=_name(domain), reason=reason)
    return ElementTree.tostring(domain, encoding="unicode")


def _connect(card: Element, vif: VIFBase, guest: str) -> None:
    """Change a card in place, to be connected by the VIF."""
    wanted = element(vif)
    if "hostdev" in (wanted.get("type"), card.get("type"), wanted.tag):
        reason = f"its card {vif.address} is, or would become, a device of the host itself"
        raise exception.NotMigratable(guest=guest, reason=reason)
    possible = takes(vif)
    for child in list(card):
        wish = _WISHES.get(child.tag)
        if child.tag in _CONNECTION or (wish is not None and wish not in possible):
            card.remove(child)
    driver = card.find("driver")
    if driver is not None and "driver" not in possible:
        driver.attrib.pop("name", None)
    card.set("type", wanted.get("type", ""))
    place = 1 + next(n for n, child in enumerate(card) if child.tag == "mac")
    for child in (child for child in wanted if child.tag in _CONNECTION):
        card.insert(place, child)
        place += 1


def _name(domain: Element) -> str:
    return domain.findtext("name") or "(without a name)"
