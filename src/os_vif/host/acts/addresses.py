"""Layer 3: addresses and routes that move from one link to another."""

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


RUN: dict[type[steps.Step], Act] = {steps.MoveAddresses: _move_addresses}
