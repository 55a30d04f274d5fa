"""A VIF and what is wanted of its card as libvirt's <interface> or <hostdev>; pure: data in, XML out.

The elements stand in the order in which libvirt itself writes them, so that the same VIF always gives the same text,
and one that compares well with `virsh dumpxml`.
"""

from __future__ import annotations

from xml.etree import ElementTree

from os_vif import exception
from os_vif.objects.vif import VIFBase
from os_vif.virt.card import Card, Rate
from os_vif.virt.libvirt.forms import GUEST, Form, form
from os_vif.virt.request import Request

Element = ElementTree.Element
_VIRTIO_ALONE = (
    "vhostuser",
    "vdpa",
)  # the other end of the card's queues is a program or a NIC that speaks virtio


def takes(vif: VIFBase) -> frozenset[str]:
    """The fields of a Card that may be set for this VIF: `card.only(takes(vif))` fits any VIF.

    :raises os_vif.exception.UnfitVIF, os_vif.exception.NotForGuest: as `element`
    """
    return form(Request(vif, Card(), GUEST)).takes


def render(vif: VIFBase, card: Card | None = None) -> str:
    """The XML of one card, indented; for reading, and for virDomainAttachDevice.

    :raises os_vif.exception.UnfitVIF, os_vif.exception.NotForGuest, os_vif.exception.InvalidCard: as `element`
    """
    made = element(vif, card)
    ElementTree.indent(made)
    return ElementTree.tostring(made, encoding="unicode")


def element(vif: VIFBase, card: Card | None = None) -> Element:
    """The element of one card, for a domain's <devices>.

    :raises os_vif.exception.UnfitVIF: a field that is needed is missing, or says something impossible
    :raises os_vif.exception.NotForGuest: libvirt has no card of that kind
    :raises os_vif.exception.InvalidCard: a wish that a card of that kind cannot have
    """
    request = Request(vif, card or Card(), GUEST)
    shape = form(request)
    request.check_wishes(shape.takes, f"libvirt's type {shape.type}")
    made = _host_device(shape) if shape.type == "pci" else _interface(request, shape)
    if request.card.boot_order is not None:
        _add(made, "boot", order=str(request.card.boot_order))
    if request.card.alias is not None:
        _add(made, "alias", name=request.card.alias)
    return made


def _host_device(shape: Form) -> Element:
    made = Element("hostdev", mode="subsystem", type="pci", managed="yes")
    _add_source(made, shape)
    return made


def _interface(request: Request, shape: Form) -> Element:
    card = request.card
    made = Element("interface", type=shape.type)
    if shape.type == "hostdev":
        made.set("managed", "yes")
    if shape.type == "ethernet":
        request.check_queues()
    _add(made, "mac", address=request.text("address"))
    _add_source(made, shape)
    _add_bandwidth(made, card)
    vlan = _vlan(card, shape)
    if vlan is not None:
        _add(_add(made, "vlan"), "tag", id=str(vlan))
    if shape.virtualport is not None:
        port = _add(made, "virtualport", type=shape.virtualport.type)
        _add(port, "parameters", **shape.virtualport.parameters)
    if shape.target:
        _add(made, "target", **shape.target)
    model = card.model or shape.model
    if model is not None:
        _add(made, "model", type=model)
    _add_driver(made, card, shape)
    if card.filterref is not None:
        filterref = _add(made, "filterref", filter=card.filterref.name)
        for name, value in card.filterref.parameters:
            _add(filterref, "parameter", name=name, value=value)
    if shape.has_mtu and request.mtu is not None:
        _add(made, "mtu", size=str(request.mtu))
    return made


def _add_source(made: Element, shape: Form) -> None:
    if not shape.source and shape.pci is None:
        return  # a type that is told from its target alone
    source = _add(made, "source", **shape.source)
    if shape.pci is not None:
        domain, bus, slot, function = (f"0x{part}" for part in shape.pci)
        type_of_address = {"type": "pci"} if shape.type == "hostdev" else {}
        _add(source, "address", **type_of_address, domain=domain, bus=bus, slot=slot, function=function)


def _add_bandwidth(made: Element, card: Card) -> None:
    if card.inbound is None and card.outbound is None:
        return
    bandwidth = _add(made, "bandwidth")
    for name, rate in (("inbound", card.inbound), ("outbound", card.outbound)):
        if rate is not None:
            _add(bandwidth, name, **_rate(rate))


def _rate(rate: Rate) -> dict[str, str]:
    values = {"average": rate.average, "peak": rate.peak, "burst": rate.burst}
    return {name: str(value) for name, value in values.items() if value is not None}


def _add_driver(made: Element, card: Card, shape: Form) -> None:
    virtio = (card.model or shape.model or "").startswith("virtio")
    if not virtio and shape.type in _VIRTIO_ALONE:
        raise exception.InvalidCard(
            field="model", reason=f"{card.model} is none that {shape.type} can be: virtio is"
        )
    if shape.type not in _VIRTIO_ALONE:
        card.check_tx_queue()
    wanted = {
        "name": card.driver or (shape.driver if virtio else None),
        "queues": card.queues if card.queues > 1 else None,
        "rx_queue_size": card.rx_queue_size,
        "tx_queue_size": card.tx_queue_size,
        "packed": "on" if card.packed else None,
    }
    attributes = {name: str(value) for name, value in wanted.items() if value is not None}
    if attributes:
        _add(made, "driver", **attributes)


def _vlan(card: Card, shape: Form) -> int | None:
    if None not in (card.vlan, shape.vlan) and card.vlan != shape.vlan:
        raise exception.InvalidCard(
            field="vlan", reason=f"{card.vlan} is wanted, yet the VIF's own is {shape.vlan}"
        )
    return card.vlan or shape.vlan


def _add(parent: Element, tag: str, /, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)
