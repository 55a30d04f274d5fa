"""What only the privileged side can see: looked at, placed, removed, each by the keeper of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from os_vif.host import steps
from os_vif.host.hidden import Keeper, LaterError
from os_vif.host.ledger import Act, Ledger
from os_vif.host.plan import OWNED

_Step = TypeVar("_Step", steps.Look, steps.Place, steps.Remove)


def _look(ledger: Ledger, wanted: Sequence[steps.Look]) -> None:
    for keeper, asked in _by_keeper(ledger, wanted):
        for step, found in zip(asked, keeper.look([step.resource for step in asked]), strict=True):
            if isinstance(found, LaterError):
                ledger.answer(step, str(found))
            elif isinstance(found, Exception):
                ledger.failed(step, found, step.resource.key[1])
            else:
                ledger.answer(step, found)


def _place(ledger: Ledger, wanted: Sequence[steps.Place]) -> None:
    for keeper, asked in _by_keeper(ledger, wanted):
        resources = [step.resource for step in asked]
        for step, made in zip(asked, keeper.place(resources, looked=ledger.looked), strict=True):
            if isinstance(made, Exception):
                ledger.failed(step, made, step.resource.key[1])
            elif made is not None:
                ledger.done(step, made)


def _remove(ledger: Ledger, wanted: Sequence[steps.Remove]) -> None:
    for keeper, asked in _by_keeper(ledger, wanted):
        for step, failure in zip(asked, keeper.remove([step.resource for step in asked]), strict=True):
            if failure is None:
                ledger.done(step, None)
            else:
                # what exists for a VIF alone goes as far as it can: an unplug can be repeated, and finds nothing then
                go_on = step.resource.ownership is OWNED
                ledger.failed(step, failure, step.resource.key[1], go_on=go_on)


def _by_keeper(ledger: Ledger, wanted: Sequence[_Step]) -> Iterator[tuple[Keeper, list[_Step]]]:
    for kind, keeper in ledger.keepers.items():
        asked = [step for step in wanted if type(step.resource) is kind]
        if asked:
            yield keeper, asked


RUN: dict[type[steps.Step], Act] = {steps.Look: _look, steps.Place: _place, steps.Remove: _remove}
