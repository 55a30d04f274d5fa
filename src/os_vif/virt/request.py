"""A VIF and what is wanted of its card, read on behalf of one kind of guest: the three renderers start here.

Every field that is needed is read through a Request, so that a missing one is an error that names it, and every wish
that a kind of card cannot have is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from os_vif import exception
from os_vif.objects import vif as vif_module
from os_vif.objects.vif import VIFBase, VIFPortProfileBase
from os_vif.virt.card import Card


@dataclass(frozen=True, slots=True)
class Request:
    """One card to be rendered; guest: the kind of guest, for messages."""

    vif: VIFBase
    card: Card
    guest: str

    @property
    def profile(self) -> VIFPortProfileBase | None:
        """The port profile, None where the VIF has none."""
        return self.vif.port_profile if "port_profile" in self.vif else None

    @property
    def mtu(self) -> int | None:
        """Bytes: what is wanted of the card, else the network's."""
        if self.card.mtu is not None:
            return self.card.mtu
        network = self.vif.network if "network" in self.vif else None
        return network.mtu if network is not None and "mtu" in network else None

    @property
    def makes_tap(self) -> bool:
        """Whether the VIF's plugin makes its tap, so that the hypervisor must only open it."""
        # a VIFGeneric is a tap that is there; libvirt refuses to make one of its name
        return isinstance(self.vif, vif_module.VIFGeneric) or self.flag("create_tap")

    def text(self, path: str) -> str:
        """A field that the card cannot be without, e.g. "vif_name" or "port_profile.interface_id"."""
        value = self.optional(path)
        if value is None or value == "":
            raise self.unfit(path, "is not set")
        return str(value)

    def optional(self, path: str) -> object:
        """A field's value, None where it, or the object it is in, is not set."""
        found: object = self.vif
        for name in path.split("."):
            if found is None or name not in found:  # type: ignore[operator]  # a versioned object tells
                return None
            found = getattr(found, name)
        return found

    def flag(self, name: str) -> bool:
        """A boolean of the port profile; False where the profile has no such field or it is not set."""
        profile = self.profile
        return profile is not None and name in profile.fields and bool(self.optional(f"port_profile.{name}"))

    def check_queues(self) -> None:
        """Refuse a tap with many queues for a card with one, and the reverse: the kernel does not open it."""
        if not self.makes_tap:
            return
        many = self.card.queues > 1
        if many and not self.flag("multiqueue"):
            raise self.unfit(
                "port_profile.multiqueue", f"is not set, yet {self.card.queues} queues are wanted"
            )
        if not many and self.flag("multiqueue"):
            raise exception.InvalidCard(
                field="queues",
                reason=f"is 1, yet VIF {self.vif_id} is a tap with many queues, and opens only so",
            )

    def check_wishes(self, possible: Collection[str], what: str) -> None:
        """Refuse a wish that is not among the possible ones; what: the kind of card, "a card of type vdpa"."""
        for name in self.card.wishes():
            if name not in possible:
                raise exception.InvalidCard(
                    field=name, reason=f"is not possible for VIF {self.vif_id}: {what} has no such thing"
                )

    @property
    def vif_id(self) -> str:
        """For messages."""
        return str(self.vif.id) if "id" in self.vif else "(without an id)"

    def unfit(self, field: str, reason: str) -> exception.UnfitVIF:
        """The error of a VIF that lacks something, or has something impossible."""
        return exception.UnfitVIF(vif_id=self.vif_id, field=field, reason=reason)

    def impossible(self, reason: str, hint: str) -> exception.NotForGuest:
        """The error of a VIF that this kind of guest cannot have at all; reason and hint: sentences."""
        return exception.NotForGuest(
            vif_id=self.vif_id, type=self.vif.obj_name(), guest=self.guest, reason=reason, hint=hint
        )
