"""Why plans cannot be carried out: two that contradict each other, or objects on the host that are in the way.

Pure functions; the engine and its preview call them before anything is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from os_vif import exception
from os_vif.host.differences import Difference
from os_vif.host.plan import OWNED, Plan, Resource


def refusal(plan: Plan, difference: Difference) -> Exception:
    """The exception for a difference that a plug must not mend by itself."""
    name, text = difference.object, difference.message
    if difference.attribute == "mark":
        return exception.NameCollision(text, name=name, vif=plan.vif_id, other=difference.actual)
    if difference.attribute == "kind":
        return exception.WrongKind(text, object=name, found=difference.actual, expected=difference.expected)
    if difference.attribute == "present" or difference.actual is None:
        return exception.ResourceMissing(text, object=name)
    return exception.HostConflict(text, object=name, reason=text)


def conflicts(plans: Sequence[Plan]) -> list[Exception | None]:
    """Two VIFs that want one object to be two things: both are told, neither is plugged."""
    outcomes: list[Exception | None] = [None] * len(plans)
    seen: dict[tuple[str, str], tuple[int, Resource]] = {}
    for i, plan in enumerate(plans):
        for resource in plan:
            j, first = seen.setdefault(resource.key, (i, resource))
            ours, theirs = plan.vif_id, plans[j].vif_id
            same = first == resource
            if (
                j == i
                or (same and ours == theirs)
                or (_agree(first, resource) and resource.ownership is not OWNED)
            ):
                continue
            key = " ".join(resource.key)
            reason = (
                "an owned object has one owner"
                if same
                else f"one wants {_words(first, resource)}, the other {_words(resource, first)}"
            )
            error = exception.PlanConflict(key=key, first=theirs, second=ours, reason=reason)
            outcomes[i] = outcomes[i] or error
            outcomes[j] = outcomes[j] or error
    return outcomes


def _agree(one: Resource, other: Resource) -> bool:
    """Whether both can be had at once: None asks for nothing."""
    return type(one) is type(other) and all(
        getattr(one, f.name) == getattr(other, f.name)
        or None in (getattr(one, f.name), getattr(other, f.name))
        for f in fields(one)
        if f.compare
    )


def _words(resource: Resource, other: Resource) -> str:
    """The attributes in which a resource differs from another."""
    if type(resource) is not type(other):
        return type(resource).__name__
    names = [n for n in resource.__dataclass_fields__ if getattr(resource, n) != getattr(other, n)]
    return ", ".join(f"{n} {getattr(resource, n)}" for n in names)
