"""A difference between a plan and the host: what `check` returns and what the engine turns into changes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from os_vif.host.plan import Resource


class Remedy(enum.StrEnum):
    """What can be done about a difference."""

    MEND = "mend"  # plug and repair make it right
    ASK = "ask"  # shared with others: only repair changes it, and a plug cannot do without
    LEAVE = "leave"  # shared with others: only repair changes it, a plug goes on
    REFUSE = "refuse"  # os-vif must not or cannot change it: a person has to
    SETTLE = "settle"  # follows by itself in a moment: plug waits for it
    WAIT = "wait"  # somebody else is expected to make it


@dataclass(frozen=True, slots=True)
class Difference:
    """One object on the host that is not as a plan says.

    attribute: "present", or the word iproute2 has for it; expected and actual: its values, None for "nothing";
    implied: it follows from another difference of the same plan (a tap that is missing is in no bridge either);
    name: what the object is called, where the resource is about more than one; resource: None where it is the plan's
    obstacle that is told, and the plan has no resource.
    """

    resource: Resource | None
    attribute: str
    expected: int | str | bool | None
    actual: int | str | bool | None
    remedy: Remedy
    message: str
    implied: bool = False
    name: str = ""

    @property
    def object(self) -> str:
        """What the object is called on the host."""
        return self.name if self.name or self.resource is None else self.resource.key[1]

    def __str__(self) -> str:
        return self.message
