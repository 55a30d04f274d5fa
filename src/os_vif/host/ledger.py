"""The ledger of a privileged pass: what was done and how to undo it, what failed and for whom.

What fails is rolled back scope by scope: one bad VIF among five hundred costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from os_vif.host import netlink, steps
from os_vif.host.hidden import Keeper, LaterError, Undo

__all__ = ["FAILED", "LATER", "STALE", "Act", "Ledger", "Undo"]

FAILED, STALE, LATER = "failed", "stale", "later"
"""Of a step that was not carried out: for good, because the host had changed, or for now."""
Act = Callable[..., None]
"""Carries out steps of one kind: takes the Ledger and the steps."""


class Ledger:
    """Kept while os_vif.host.executor runs the steps of one pass; socket: to the kernel.

    dependents: for each scope those that are of no use without it; keepers: of what only this side can see, by kind;
    looked: they have just found that what is to be placed is not as it should be.
    """

    def __init__(
        self,
        socket: netlink.RouteSocket,
        dependents: Mapping[int, frozenset[int]],
        keepers: Mapping[type, Keeper],
        *,
        looked: bool = False,
    ) -> None:
        self.socket = socket
        self.keepers = keepers
        self.looked = looked
        self._dependents = dependents
        self._done: list[tuple[int, steps.Step, Undo | None]] = []
        self._errors: dict[int, list[object]] = {}
        self._noted: dict[int, list[object]] = {}
        self._leftovers: list[str] = []
        self._answers: list[list[object]] = []

    def done(self, step: steps.Step, undo: Undo | None) -> None:
        """A step was carried out, or may have been."""
        self._done.append((step.scope, step, undo))

    def failed(
        self, step: steps.Step, error: Exception, object_: str, *, stale: bool = False, go_on: bool = False
    ) -> None:
        """A step was not carried out; stale: because the host is not as it was when the step was made; go_on: what
        else is to be done for its scope is done all the same.
        """
        verdict = STALE if stale else LATER if isinstance(error, LaterError) else FAILED
        details: list[object] = [str(step), object_, _reason(step, error), verdict]
        errors = self._noted if go_on else self._errors
        for scope in {step.scope, *self._dependents[step.scope]}:
            errors.setdefault(scope, details)

    def answer(self, step: steps.Step, value: object) -> None:
        """What a step that reads has found."""
        self._answers.append([step.scope, value])

    def is_lost(self, scope: int) -> bool:
        """Whether the scope failed, or everything that depends on it did."""
        dependents = self._dependents[scope]
        return scope in self._errors or (bool(dependents) and all(d in self._errors for d in dependents))

    def undo(self, scopes: Iterable[int] | None = None) -> None:
        """Undo what was done for these scopes, the last first; for those that are lost if none are named."""
        lost = set(scopes) if scopes is not None else {s for s in self._dependents if self.is_lost(s)}
        for scope, step, undo in reversed(self._done):
            if scope in lost and undo is not None:
                try:
                    undo()
                except Exception as error:  # noqa: BLE001  # one failure must not stop the rest; it is reported
                    self._leftovers.append(f"could not undo '{step}': {error}")

    def outcome(self) -> dict[str, Any]:
        """What `os_vif.host.executor.execute` returns."""
        errors = [[scope, *error] for scope, error in (self._noted | self._errors).items()]
        return {"errors": errors, "leftovers": self._leftovers, "answers": self._answers}


def _reason(step: steps.Step, error: Exception) -> str:
    """Why, in the system's own words; for a step of many requests also which of them."""
    if isinstance(error, netlink.NetlinkError) and not isinstance(step, steps.MoveAddresses):
        return f"{error.strerror} ({error.reason})" if error.reason else str(error.strerror)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, netlink.NetlinkError):
        return error.strerror
    return str(error) or type(error).__name__
