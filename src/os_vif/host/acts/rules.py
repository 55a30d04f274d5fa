"""Layer 3 and what may be forwarded: addresses that move, filter rules.

Filter rules cost a pass their import only where there are any.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from os_vif.host import addresses, steps
from os_vif.host.ledger import Act, Ledger


def _move_addresses(ledger: Ledger, wanted: Sequence[steps.MoveAddresses]) -> None:
    for step in wanted:
        try:
            undo = addresses.move(ledger.socket, step.source, step.target)
        except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
            stale = isinstance(error, OSError) and error.errno == errno.ENODEV
            ledger.failed(step, error, step.source, stale=stale)
        else:
            ledger.done(step, undo)


def _apply_filters(ledger: Ledger, wanted: Sequence[steps.ApplyFilter]) -> None:
    from os_vif.host import filters

    for step in wanted:
        try:
            undo = filters.apply([step.rules])
        except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
            ledger.failed(step, error, step.rules.bridge)
        else:
            ledger.done(step, undo)


def _read_filters(ledger: Ledger, wanted: Sequence[steps.ReadFilter]) -> None:
    from os_vif.host import filters

    for step in wanted:
        try:
            ledger.answer(step, filters.present(step.rules))
        except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
            ledger.failed(step, error, step.rules.bridge)


def _remove_filters(ledger: Ledger, wanted: Sequence[steps.RemoveFilter]) -> None:
    from os_vif.host import filters

    for step in wanted:
        try:
            filters.remove([step.rules])
        except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
            ledger.failed(step, error, step.rules.bridge)


RUN: dict[type[steps.Step], Act] = {
    steps.MoveAddresses: _move_addresses,
    steps.ApplyFilter: _apply_filters,
    steps.ReadFilter: _read_filters,
    steps.RemoveFilter: _remove_filters,
}
