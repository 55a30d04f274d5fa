"""What a guest wants of its network card: all that a VIF, which speaks of the network alone, does not say.

Compute services make a Card of the guest's flavor and image; the renderers (os_vif.virt.libvirt, qemu, vmx) put
VIF and Card together. A wish that a VIF's kind of card cannot have is an InvalidCard that names it, never dropped; a
service that wants the same for all cards takes `card.only(...)` of what the VIF's kind can have.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Self

from os_vif import exception

MAX_QUEUES = 256  # of a tap device: MAX_TAP_QUEUES of the kernel's drivers/net/tun.c
QUEUE_SIZES = (
    256,
    512,
    1024,
)  # of virtio-net in QEMU: powers of two between its default and VIRTQUEUE_MAX_SIZE
DRIVERS = ("qemu", "vhost")  # who moves the packets of a virtio card: QEMU itself, or the kernel
_MODEL = re.compile(r"[A-Za-z0-9_-]+")
_ALIAS = re.compile(r"ua-[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A limit in one direction. average, peak: kilobytes per second; burst: kilobytes sent at peak speed at once.

    As libvirt has them: https://libvirt.org/formatnetwork.html#quality-of-service
    """

    average: int
    peak: int | None = None
    burst: int | None = None

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if value is not None and not 1 <= value < 2**32:
                raise exception.InvalidCard(field=part.name, reason=f"{value} is not between 1 and 2^32 - 1")


@dataclass(frozen=True, slots=True)
class FilterRef:
    """A filter of libvirt (`virsh nwfilter-list`) and the values of its variables; a variable may have several."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise exception.InvalidCard(field="filterref", reason="has no name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is wanted of one network card; what is not said is the hypervisor's choice.

    model: "virtio", "e1000e", "vmxnet3", ...; not said: virtio, of VMware vmxnet3.
    driver: who moves the packets of a virtio card, "qemu" or "vhost".
    queues: pairs of them, 1 to 256; rx_queue_size, tx_queue_size: packets in one, 256, 512 or 1024.
    packed: virtio's packed layout of queues.
    mtu: bytes, instead of the network's.
    inbound, outbound: limits of what the guest receives and sends.
    boot_order: position among the guest's boot devices, from 1.
    filterref: the filter that the hypervisor puts on the card.
    vlan: the VLAN id that the hypervisor has the switch tag the traffic with.
    alias: the device's name in the hypervisor, "ua-" and then letters, digits, "-" and "_".
    """

    model: str | None = None
    driver: str | None = None
    queues: int = 1
    rx_queue_size: int | None = None
    tx_queue_size: int | None = None
    packed: bool = False
    mtu: int | None = None
    inbound: Rate | None = None
    outbound: Rate | None = None
    boot_order: int | None = None
    filterref: FilterRef | None = None
    vlan: int | None = None
    alias: str | None = None

    def __post_init__(self) -> None:
        self._expect(
            "model", self.model is None or _MODEL.fullmatch(self.model), "is not the name of a model"
        )
        self._expect("driver", self.driver in (None, *DRIVERS), f"is neither {' nor '.join(DRIVERS)}")
        self._expect("queues", 1 <= self.queues <= MAX_QUEUES, f"is not between 1 and {MAX_QUEUES}")
        for name in ("rx_queue_size", "tx_queue_size"):
            sizes = ", ".join(map(str, QUEUE_SIZES))
            self._expect(name, getattr(self, name) in (None, *QUEUE_SIZES), f"is none of {sizes}")
        self._expect("mtu", self.mtu is None or 68 <= self.mtu <= 65535, "is not between 68 and 65535")
        self._expect("vlan", self.vlan is None or 1 <= self.vlan <= 4094, "is not between 1 and 4094")
        self._expect("boot_order", self.boot_order is None or self.boot_order >= 1, "is not 1 or more")
        named = self.alias is None or _ALIAS.fullmatch(self.alias)
        self._expect("alias", named, 'is not "ua-" and then letters, digits, "-" and "_"')
        virtio = self.model is None or self.model.startswith("virtio")
        for name in ("driver", "queues", "rx_queue_size", "tx_queue_size", "packed"):
            self._expect(
                name, virtio or name not in self.wishes(), f"is for virtio cards, not for {self.model}"
            )

    def wishes(self) -> list[str]:
        """The names of the fields that something is said in."""
        return [part.name for part in fields(self) if getattr(self, part.name) != part.default]

    def only(self, names: Collection[str]) -> Self:
        """The card without the wishes that are not among `names`."""
        return type(self)(**{name: getattr(self, name) for name in self.wishes() if name in names})

    def check_tx_queue(self) -> None:
        """Refuse a transmit queue that QEMU quietly makes shorter; to be called for all but vhost-user and vDPA."""
        size, largest = self.tx_queue_size, QUEUE_SIZES[0]
        self._expect(
            "tx_queue_size",
            size is None or size <= largest,
            f"is above {largest}: for vhost-user and vDPA alone",
        )

    def _expect(self, name: str, is_so: object, otherwise: str) -> None:
        if not is_so:
            raise exception.InvalidCard(field=name, reason=f"{getattr(self, name)!r} {otherwise}")
