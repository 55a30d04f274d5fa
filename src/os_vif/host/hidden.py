"""What of a plan only the privileged side can see, and who there looks after it.

Filter rules and plug scripts go one way: the engine sends a step with the whole resource (os_vif.host.steps: Look,
Place, Remove), and the keeper of its kind on the privileged side looks, places or removes. Which keepers there are,
whoever receives the steps tells os_vif.host.executor.execute: a step for which there is none is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

from os_vif.host.resources import SHARED, FilterRules, Hidden, Ownership, Script

Undo = Callable[[], object]


class LaterError(Exception):
    """It cannot be done now; the same may work later."""


class Keeper(Protocol):
    """Looks after all hidden resources of one kind. Each method takes any number of them and answers in their order;
    what goes wrong with one is its answer, and no business of the others.
    """

    kind: type[Hidden]

    def look(self, resources: Sequence[Hidden]) -> Sequence[str | Exception]:
        """What is wrong with each, in words; "" where it is as it should be; LaterError where nobody can tell now."""

    def place(self, resources: Sequence[Hidden], *, looked: bool) -> Sequence[Undo | Exception | None]:
        """Make each be there. Answers what undoes it, None where nothing was changed.

        looked: `look` has just found that they are not as they should be.
        """

    def remove(self, resources: Sequence[Hidden]) -> Sequence[Exception | None]:
        """Take each away; also what is there only in part, or not at all."""


_KINDS: dict[str, type[Hidden]] = {kind.__name__: kind for kind in (FilterRules, Script)}
_WORDS: dict[type, tuple[str, str, str]] = {
    FilterRules: (
        "read the filter rules of {0.bridge}",
        "place the filter rules of {0.bridge}",
        "remove the filter rules of {0.bridge}",
    ),
    Script: (
        "ask plug script {0.script} about {0.device}",
        "plug {0.device} with script {0.script}",
        "unplug {0.device} with script {0.script}",
    ),
}


def words(resource: Hidden) -> tuple[str, str, str]:
    """What it is called to look at the resource, to place it, and to remove it."""
    look, place, remove = _WORDS[type(resource)]
    return look.format(resource), place.format(resource), remove.format(resource)


def to_wire(resource: Hidden) -> list[object]:
    """The resource as plain data: [class name, {field: value}]."""
    values = {field.name: getattr(resource, field.name) for field in dataclasses.fields(resource)}
    values["ownership"] = str(values["ownership"])
    return [type(resource).__name__, values]


def from_wire(value: object) -> Hidden:
    """Build and check a resource that came from outside; ValueError names what is wrong with it."""
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not isinstance(value[1], dict):
        raise ValueError(f"resource: {value!r} is not a class and its fields")
    kind = _KINDS.get(str(value[0]))
    if kind is None:
        raise ValueError(f"resource: {value[0]!r} is none that only the privileged side can see")
    given = {str(name): _frozen(item) for name, item in value[1].items()}
    given["ownership"] = Ownership(str(given.get("ownership", SHARED)))
    try:
        return kind(**given)  # type: ignore[arg-type]  # the resource and its keeper check what they are given
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


def _frozen(value: object) -> object:
    """Lists, which tuples become on the way, are tuples again."""
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
