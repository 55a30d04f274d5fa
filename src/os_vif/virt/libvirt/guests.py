"""A guest of libvirt and its cards, in the only honest order: plug, see that it is ready, start.

    guest = Guest(os_vif, instance_info, cards=[(vif, Card()), ...])
    domain = guest.start(libvirt.open("qemu:///system"), domain_xml)
    guest.attach(domain, vif)
    guest.detach(domain, vif)
    guest.stop(domain)

Nothing is started on a network that is not there, and what fails leaves nothing behind: VIFs that were plugged for it
are unplugged, the last one first. libvirt is spoken to through the objects of its Python bindings, which the caller
has opened; this module does not need them to be imported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from xml.etree import ElementTree

from os_vif import exception
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase
from os_vif.virt.card import Card
from os_vif.virt.libvirt.element import Element, element, render

LOG = logging.getLogger(__name__)

# https://libvirt.org/html/libvirt-libvirt-domain.html: virDomainModificationImpact, virDomainCreateFlags
_LIVE, _CONFIG = 1, 2
_INACTIVE = 2  # virDomainXMLFlags
_START_PAUSED = 1
_GLANCE = (
    0.1  # seconds between looks at a card that a guest is to let go of: events need the caller's event loop
)

Cards = Sequence[tuple[VIFBase, Card]]
Told = tuple[VIFBase, InstanceInfo]


class Plugger(Protocol):
    """Who plugs: the module os_vif, or a client of an agent that does."""

    def plug_many(self, vifs: Sequence[Told]) -> None: ...

    def unplug_many(self, vifs: Sequence[Told]) -> None: ...

    def wait_ready(
        self, vif: VIFBase, timeout: float = 60.0, instance_info: InstanceInfo | None = None
    ) -> None: ...


class Connection(Protocol):
    """What is used of libvirt's virConnect."""

    def defineXML(self, xml: str) -> Any: ...  # noqa: N802  # libvirt's name

    def listAllDomains(self, flags: int = 0) -> Sequence[Any]: ...  # noqa: N802


class Domain(Protocol):
    """What is used of libvirt's virDomain."""

    def name(self) -> str: ...

    def XMLDesc(self, flags: int = 0) -> str: ...  # noqa: N802  # libvirt's name

    def isActive(self) -> int: ...  # noqa: N802

    def isPersistent(self) -> int: ...  # noqa: N802

    def createWithFlags(self, flags: int = 0) -> int: ...  # noqa: N802

    def attachDeviceFlags(self, xml: str, flags: int = 0) -> int: ...  # noqa: N802

    def detachDeviceFlags(self, xml: str, flags: int = 0) -> int: ...  # noqa: N802

    def resume(self) -> int: ...

    def destroy(self) -> int: ...

    def undefine(self) -> int: ...


class Guest:
    """One guest and the VIFs that are plugged for it; to be used by one thread at a time.

    :param plugger: who plugs; the module os_vif, after os_vif.initialize()
    :param instance_info: the guest, as plugins are told of it
    :param cards: its VIFs, each with what is wanted of its card
    :param timeout: seconds for all VIFs together to become ready, and for a guest to let go of a card
    """

    def __init__(
        self, plugger: Plugger, instance_info: InstanceInfo, cards: Cards = (), *, timeout: float = 60.0
    ) -> None:
        self._plugger = plugger
        self._instance_info = instance_info
        self._cards = list(cards)
        self._timeout = timeout

    @property
    def vifs(self) -> tuple[VIFBase, ...]:
        """Those the guest has now."""
        return tuple(vif for vif, _ in self._cards)

    def start(self, connection: Connection, xml: str) -> Any:
        """Plug all VIFs in one pass, wait until all are ready, define the domain and start it.

        The domain starts paused, and runs on once its VIFs were seen ready with the hypervisor's ends of them, too.

        :param xml: the domain's description without its cards, which are put into its <devices>
        :returns: libvirt's virDomain
        :raises os_vif.exception.GuestRuns: it is running, on the network it has; nothing was done
        :raises os_vif.exception.GuestError, os_vif.exception.UnfitVIF: a card has no description; nothing was done
        :raises os_vif.exception.BulkError: VIFs could not be plugged; its `errors` say which, and why
        :raises os_vif.exception.NotReady: a VIF did not become ready in time, and why
        :raises libvirt.libvirtError: the domain could not be defined or started
        """
        described = _with_cards(xml, [element(vif, card) for vif, card in self._cards])
        before = _definition(connection, described)
        with self._plugged(self.vifs), _undone("undefine the domain") as undo:
            domain: Domain = connection.defineXML(described)
            undo(domain.undefine if before is None else lambda: connection.defineXML(before))
            domain.createWithFlags(_START_PAUSED)
            undo(domain.destroy)
            self._wait(self.vifs)
            domain.resume()
        return domain

    def stop(self, domain: Domain, *, keep: bool = False) -> None:
        """Switch the guest off and unplug its VIFs, the last one first.

        Each part is tried also if those before it failed; the first failure is raised.

        :param keep: the domain stays defined
        :raises os_vif.exception.BulkError: VIFs could not be unplugged
        :raises libvirt.libvirtError: the domain could not be switched off or undefined
        """
        with _undone("stop the guest", always=True) as undo:
            undo(lambda: self._unplug(self.vifs))
            if domain.isPersistent() and not keep:
                undo(domain.undefine)
            if domain.isActive():
                undo(domain.destroy)

    def attach(self, domain: Domain, vif: VIFBase, card: Card | None = None) -> None:
        """Plug a VIF, wait until it is ready, and put its card into the guest, running or not.

        :raises os_vif.exception.CardPresent: the guest has it already; nothing was done
        :raises: else as `start`; the guest and the host are then as they were
        """
        wanted = card or Card()
        if _card_of(domain.XMLDesc(), vif) is not None:
            raise exception.CardPresent(vif_id=vif.id, guest=domain.name())
        xml = render(vif, wanted)
        with self._plugged([vif]):
            domain.attachDeviceFlags(xml, _impact(domain))
        self._cards.append((vif, wanted))

    def detach(self, domain: Domain, vif: VIFBase) -> None:
        """Take a VIF's card out of the guest, wait until it has let go of it, and unplug the VIF.

        :raises os_vif.exception.CardKept: the guest does not let go of it; the VIF stays plugged
        :raises os_vif.exception.BulkError: the card is out, and the VIF could not be unplugged
        :raises libvirt.libvirtError: libvirt refuses
        """
        found = _card_of(domain.XMLDesc(), vif)
        if found is not None:
            domain.detachDeviceFlags(ElementTree.tostring(found, encoding="unicode"), _impact(domain))
            self._wait_gone(domain, vif)
        self._unplug([vif])
        self._cards = [kept for kept in self._cards if kept[0].id != vif.id]

    @contextmanager
    def _plugged(self, vifs: Sequence[VIFBase]) -> Iterator[None]:
        """They are plugged and ready; not any more if what is done with them fails."""
        with _undone("unplug the VIFs") as undo:
            undo(lambda: self._unplug(vifs))  # before: of many that fail in part, some are plugged
            self._plugger.plug_many(self._told(vifs))
            self._wait(vifs)
            yield

    def _wait(self, vifs: Sequence[VIFBase]) -> None:
        deadline = time.monotonic() + self._timeout
        for vif in vifs:
            try:
                self._plugger.wait_ready(vif, max(0.0, deadline - time.monotonic()), self._instance_info)
            except exception.CheckNotSupported:
                LOG.debug("VIF %s: its plugin cannot say whether it is ready", vif.id)

    def _unplug(self, vifs: Sequence[VIFBase]) -> None:
        self._plugger.unplug_many(self._told(vifs[::-1]))

    def _told(self, vifs: Sequence[VIFBase]) -> list[Told]:
        return [(vif, self._instance_info) for vif in vifs]

    def _wait_gone(self, domain: Domain, vif: VIFBase) -> None:
        """libvirt returns when it has asked the guest, which may answer late or never."""
        deadline = time.monotonic() + self._timeout
        while domain.isActive() and _card_of(domain.XMLDesc(), vif) is not None:
            if time.monotonic() >= deadline:
                raise exception.CardKept(vif_id=vif.id, timeout=self._timeout)
            time.sleep(_GLANCE)


def _definition(connection: Connection, xml: str) -> str | None:
    """How the domain of this description is defined so far."""
    name = ElementTree.fromstring(xml).findtext("name")  # noqa: S314  # the caller's own
    for domain in connection.listAllDomains():
        if domain.name() == name:
            if domain.isActive():
                raise exception.GuestRuns(guest=name)
            return str(domain.XMLDesc(_INACTIVE))
    return None


def _impact(domain: Domain) -> int:
    return (_LIVE if domain.isActive() else 0) | (_CONFIG if domain.isPersistent() else 0)


def _with_cards(xml: str, cards: Sequence[Element]) -> str:
    """The domain's description with these cards after its other devices."""
    domain = ElementTree.fromstring(xml)  # noqa: S314  # the caller's own description of its guest
    devices = domain.find("devices")
    if devices is None:
        devices = ElementTree.SubElement(domain, "devices")
    devices.extend(cards)
    return ElementTree.tostring(domain, encoding="unicode")


def _card_of(xml: str, vif: VIFBase) -> Element | None:
    """The VIF's card in a domain's description: that with its address, or with its PCI device."""
    wanted = element(vif)
    address, device = _address(wanted), _pci(wanted)
    devices = ElementTree.fromstring(xml).find("devices")  # noqa: S314  # libvirt's own
    for found in devices if devices is not None else ():
        if found.tag != wanted.tag:
            continue
        if _address(found) == address if address is not None else _pci(found) == device:
            return found
    return None


def _address(card: Element) -> str | None:
    mac = card.find("mac")
    return mac.get("address", "").lower() if mac is not None else None


def _pci(card: Element) -> tuple[int, ...] | None:
    address = card.find("source/address")
    if address is None:
        return None
    return tuple(int(address.get(part, "0"), 16) for part in ("domain", "bus", "slot", "function"))


@contextmanager
def _undone(what: str, *, always: bool = False) -> Iterator[Callable[[Callable[[], object]], None]]:
    """What was handed in is called, the last first, if the block fails (or always).

    What fails on the way is logged, and does not hide the failure that it comes after.
    """
    undos: list[Callable[[], object]] = []
    failed: BaseException | None = None
    try:
        yield undos.append
    except BaseException as error:
        failed = error
        raise
    finally:
        if always or failed is not None:
            late = _called_back(undos, what)
            if failed is None and late:
                raise late[0]


def _called_back(undos: Sequence[Callable[[], object]], what: str) -> list[Exception]:
    failures = []
    for undo in reversed(undos):
        try:
            undo()
        except Exception as error:  # noqa: BLE001  # logged, and raised where nothing failed before
            LOG.error("Could not %s: %s", what, error)  # noqa: TRY400  # it says what is wrong itself
            failures.append(error)
    return failures
