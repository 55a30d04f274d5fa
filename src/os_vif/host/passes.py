"""One pass: the steps of many VIFs, those of shared objects once and first, run together.

The engine fills a Run and executes it: the kernel's steps in one privileged call, those for Open vSwitch in one
transaction for each database, meanwhile. What fails on either side is undone on both, VIF by VIF.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from os_vif import exception
from os_vif.host import changes, locks, steps
from os_vif.host.differences import Difference
from os_vif.host.observe import Host
from os_vif.host.ovs.steps import OvsStep
from os_vif.host.plan import Plan, Resource

LOG = logging.getLogger(__name__)

Runner = Callable[[dict[str, object]], Mapping[str, object]]
"""Runs a pass (os_vif.host.executor.execute) where there are privileges for it."""

Outcome = Exception | None

_FEW_ROWS = 8


class StaleError(Exception):
    """The host changed between our look and our change: worth another pass, and what to say if that fails too."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(str(failure))
        self.failure = failure


def lock_name(resource: Resource) -> str:
    """The name of the lock of a shared object; a VIF's own objects are under that of its id."""
    return " ".join(resource.key)


def lender(runner: Runner) -> locks.Lender:
    """Who lends the lock files, with whatever privileges the runner has."""
    return lambda place: runner({"lend": place})


def unwrapped(outcome: Outcome) -> Outcome:
    return outcome.failure if isinstance(outcome, StaleError) else outcome


@dataclass(slots=True)
class Run:
    """Collects the steps of many VIFs, those of shared objects once and first, and has them run in one call."""

    runner: Runner
    next_scope: int = 0
    _shared: dict[Resource, int] = field(default_factory=dict)
    _shared_steps: list[steps.Step] = field(default_factory=list)
    _steps: list[steps.Step] = field(default_factory=list)
    _vifs: dict[int, int] = field(default_factory=dict)
    _dependents: dict[int, list[int]] = field(default_factory=dict)
    _locks: set[str] = field(default_factory=set)

    def shared_scope(
        self, resource: Resource, found: Sequence[Difference], plan: Plan, host: Host
    ) -> list[int]:
        """The scope of a shared object, if there is anything to do about it; its steps are added once."""
        scope = self._shared.get(resource)
        if scope is None:
            # numbered from below: VIFs and shared objects can be added in any order
            scope = self._shared[resource] = -1 - len(self._shared)
            made = changes.to_make(resource, found, plan, host, scope)
            if made:
                self._shared_steps += made
                self._dependents[scope] = []
                self._locks.add(lock_name(resource))
        return [scope] if scope in self._dependents else []

    def vif_scope(self, index: int, plan: Plan, own: Sequence[steps.Step], needs: Iterable[int] = ()) -> None:
        """Add the steps of the VIF `index`, made for scope `next_scope`, and the shared scopes it needs."""
        scopes = list(needs)
        if not own and not scopes:
            return
        self._vifs[index] = scope = self.next_scope
        self._dependents[scope] = [scope]
        for shared in scopes:
            self._dependents[shared].append(scope)
        self._steps += own
        if own:
            self._locks.add(plan.vif_id)
        self.next_scope += 1

    def vifs(self) -> list[int]:
        """The VIFs for which there is something to do."""
        return list(self._vifs)

    def execute_unless_changed(
        self, host: Host, seen: locks.Counts | None, *, roll_back: bool = True
    ) -> dict[int, Exception]:
        """Take the locks of what was collected and run it; all is stale if a pass has been at work since `seen`.

        seen: the counts of the locks before the host was looked at.
        """
        if not self._vifs:
            return {}
        try:
            with locks.held(self._locks, lender(self.runner)) as found:
                if seen is not None and all(seen[lock] == count for lock, count in found.items()):
                    return self.execute(host, roll_back=roll_back)
        except (OSError, exception.NoPrivileges) as error:
            return dict.fromkeys(self._vifs, error)
        busy = exception.HostConflict(
            object=" ".join(sorted(self._locks)), reason="another process is at work on it"
        )
        return dict.fromkeys(self._vifs, StaleError(busy))

    def execute(self, host: Host, *, roll_back: bool = True) -> dict[int, Exception]:
        """Run what was collected, with its locks held; returns the VIFs that failed, and why.

        host: what the steps were made for. roll_back: undo all of a VIF that failed on one side only (the executor
        undoes what fails on its own); an unplug goes on instead.
        """
        todo = changes.merge(self._shared_steps + self._steps)
        kernel = [step for step in todo if not isinstance(step, OvsStep)]
        rows = [step for step in todo if isinstance(step, OvsStep)]
        errors = self._switch(kernel, rows, host, roll_back) if rows else self._kernel(kernel)
        by_scope = {scope: index for index, scope in self._vifs.items()}
        return {by_scope[s]: e for s, e in errors.items() if s in by_scope}

    def _kernel(self, wanted: Sequence[steps.Step]) -> dict[int, Exception]:
        """The privileged call; errors by scope."""
        if not wanted:
            return {}
        try:
            return dict(call(self.runner, wanted, self._dependents).errors)
        except Exception as error:  # noqa: BLE001  # its VIFs failed; those of other runners may not have
            return dict.fromkeys(self._dependents, error)

    def _switch(
        self, kernel: Sequence[steps.Step], rows: Sequence[OvsStep], host: Host, roll_back: bool
    ) -> dict[int, Exception]:
        """Both sides. One port: its device is made while ovsdb-server works on the row, so that ovs-vswitchd meets
        both at once and reconfigures itself once. Many: devices first, or it would look in vain for most of them.
        """
        from os_vif.host.ovs.commit import (  # with TLS and JSON: only hosts with Open vSwitch pay for it
            Commit,
            Stale,
        )

        commit = Commit(rows, host.ovs)
        kernel_errors: dict[int, Exception] | None = None

        def meanwhile() -> None:
            nonlocal kernel_errors
            kernel_errors = self._kernel(kernel)

        if len(rows) > _FEW_ROWS:
            meanwhile()
        lost = self._lost(kernel_errors or {})
        failed = commit.run(without=lost, meanwhile=meanwhile if kernel_errors is None else None)
        row_errors = {s: StaleError(e.failure) if isinstance(e, Stale) else e for s, e in failed.items()}
        lost_rows = self._lost(row_errors)
        if kernel_errors is None:  # the database could not be reached: nothing was begun for what needs it
            skipped = lost_rows if roll_back else set()
            kernel_errors = self._kernel([step for step in kernel if step.scope not in skipped])
        elif roll_back:
            back = lost_rows - self._lost(kernel_errors)
            self._undo_kernel([step for step in kernel if step.scope in back])
        if roll_back:
            for problem in commit.undo(self._lost(kernel_errors) - lost_rows - lost):
                LOG.error("Roll-back: %s", problem)
        errors = kernel_errors | row_errors
        return {s: errors.get(s) or self._cause(s, errors) for s in self._lost(errors)}

    def _lost(self, errors: Mapping[int, Exception]) -> set[int]:
        """The scopes that failed, those that need one of them, and shared ones that nobody needs any more."""
        lost = set(errors)
        for scope in errors:
            lost.update(self._dependents[scope])
        lost.update(
            s for s, needed_by in self._dependents.items() if needed_by and lost.issuperset(needed_by)
        )
        return lost

    def _cause(self, scope: int, errors: Mapping[int, Exception]) -> Exception:
        return next(
            e for s, e in errors.items() if scope in self._dependents[s] or s in self._dependents[scope]
        )

    def _undo_kernel(self, done: Sequence[steps.Step]) -> None:
        """Undo steps that the executor was done with when the other side failed."""
        back = changes.inverse(done)
        if back:
            for error in self._kernel(back).values():
                LOG.error("Roll-back: %s", error)


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """What a privileged call had to say: errors and answers by scope."""

    errors: Mapping[int, Exception]
    answers: Mapping[int, object]


def call(
    runner: Runner,
    todo: Sequence[steps.Step],
    dependents: Mapping[int, Sequence[int]],
) -> PassOutcome:
    """Hand steps to the privileged side and make exceptions of what it reports."""
    request: dict[str, object] = {
        "steps": steps.to_wire(todo),
        "dependents": [[scope, list(others)] for scope, others in dependents.items()],
    }
    reply = runner(request)
    errors: dict[int, Exception] = {}
    for scope, step, name, reason, verdict in reply["errors"]:  # type: ignore[attr-defined]
        kind = exception.TryAgainLater if verdict == "later" else exception.StepFailed
        failure = kind(step=step, object=name, reason=reason)
        errors[scope] = StaleError(failure) if verdict == "stale" else failure
    for sentence in reply["leftovers"]:  # type: ignore[attr-defined]
        LOG.error("Roll-back: %s", sentence)
    answers = {scope: value for scope, value in reply["answers"]}  # type: ignore[attr-defined]  # noqa: C416
    return PassOutcome(errors, answers)
