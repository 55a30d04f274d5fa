"""Virtual functions of SR-IOV NICs: set, through the driver of their physical function."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from os_vif.host import steps
from os_vif.host.ledger import Act, Ledger, Undo
from os_vif.host.netlink.vf import set_vf


def _set_vfs(ledger: Ledger, wanted: Sequence[steps.SetVf]) -> None:
    messages = [set_vf(s.name, s.number, address=s.address, vlan=s.vlan, trusted=s.trusted) for s in wanted]
    for step, error in zip(wanted, ledger.socket.execute(messages), strict=True):
        ledger.done(step, _restore(ledger, step))  # a refused one as well: some of it may have been done
        if error is not None:
            ledger.failed(step, error, step.name, stale=error.errno == errno.ENODEV)


def _restore(ledger: Ledger, step: steps.SetVf) -> Undo | None:
    if not step.before:
        return None
    message = set_vf(step.name, step.number, **dict(step.before))  # type: ignore[arg-type]  # checked as a step
    return lambda: ledger.socket.request(message)


RUN: dict[type[steps.Step], Act] = {steps.SetVf: _set_vfs}
