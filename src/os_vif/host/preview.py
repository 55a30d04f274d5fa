"""What plug and unplug would do to this host, found out by looking and changing nothing; `--dry-run` shows it.

The engine itself says it: it is given a runner that takes down the steps instead of running them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from os_vif import exception
from os_vif.host import engine, passes, removals, steps
from os_vif.host.netlink import route_socket
from os_vif.host.observe import observe
from os_vif.host.plan import SHARED, BridgePort, FilterRules


@dataclass(frozen=True, slots=True)
class Change:
    """One step that would be taken: what it is in words, and the ids of the VIFs it is for."""

    text: str
    vifs: tuple[str, ...]


@dataclass(slots=True)
class Preview:
    """All changes in the order in which they would be made; refused: VIF id to why it would fail."""

    changes: list[Change] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)


def plug(jobs: Sequence[engine.Job]) -> Preview:
    """The changes that would plug these VIFs now. Where nobody may read the filter rules, they are in the list."""
    recorders: dict[passes.Runner, _Recorder] = {}
    for job in jobs:
        recorders.setdefault(job.runner, _Recorder(job.runner))
    outcomes = engine.apply([engine.Job(job.plan, recorders[job.runner]) for job in jobs])
    vif_of: dict[tuple[_Recorder, int], str] = {}
    preview = Preview()
    for job, outcome in zip(jobs, outcomes, strict=True):
        scope = _recorded_scope(outcome)
        if scope is not None:
            vif_of[recorders[job.runner], scope] = job.plan.vif_id
        elif outcome is not None:
            preview.refused[job.plan.vif_id] = outcome
    for recorder in recorders.values():
        for step in recorder.steps:
            others = recorder.dependents[step.scope]
            vifs = tuple(vif_of[recorder, scope] for scope in others if (recorder, scope) in vif_of)
            preview.changes.append(Change(str(step), vifs))
    return preview


def unplug(jobs: Sequence[engine.Job], *, shared: bool = False) -> Preview:
    """The changes that would unplug these VIFs now; shared: as for os_vif.host.engine.remove."""
    plans = [job.plan for job in jobs]
    socket = route_socket()
    host = observe(plans, socket)
    preview = Preview()
    going: set[str] = set()
    for scope, plan in enumerate(plans):
        for step in removals.to_remove(plan, host, scope):
            preview.changes.append(Change(str(step), (plan.vif_id,)))
            going.update([step.name] if isinstance(step, steps.DeleteLink) else [])
    if shared:
        going |= {
            r.port for plan in plans for r in plan if isinstance(r, BridgePort) and r.ownership is SHARED
        }
        used = {host.names.get(link.master, "") for link in socket.all_links() if link.name not in going}
        everyone = tuple(plan.vif_id for plan in plans)
        for step in removals.to_remove_shared(plans, host, used, scope=0):
            preview.changes.append(Change(str(step), everyone))
    return preview


_RECORDED = "os-vif: taken down, not run, in scope "


def _recorded_scope(outcome: Exception | None) -> int | None:
    """The scope in which a VIF's steps were taken down, if they were."""
    reason = outcome.kwargs.get("reason") if isinstance(outcome, exception.StepFailed) else None
    if isinstance(reason, str) and reason.startswith(_RECORDED):
        return int(reason.removeprefix(_RECORDED))
    return None


class _Recorder:
    """A runner that takes steps down and reports every one of them as failed, so that the engine stops there."""

    def __init__(self, runner: passes.Runner) -> None:
        self._runner = runner
        self.steps: list[steps.Step] = []
        self.dependents: dict[int, list[int]] = {}

    def __call__(self, request: dict[str, object]) -> Mapping[str, object]:
        wire, dependents = request["steps"], request["dependents"]
        assert isinstance(wire, list)
        assert isinstance(dependents, list)
        self.dependents = {scope: list(others) for scope, others in dependents}
        todo = sorted(steps.from_wire(wire), key=lambda step: step.phase)  # the executor's order
        self.steps = [s for s in todo if not (isinstance(s, steps.ApplyFilter) and self._is_placed(s.rules))]
        errors = [[scope, "", "", f"{_RECORDED}{scope}", False] for scope in self.dependents]
        return {"errors": errors, "leftovers": [], "answers": []}

    def _is_placed(self, rules: FilterRules) -> bool:
        """Whether rules are there; the engine, which does not read them first, has them placed in any case."""
        try:
            outcome = passes.call(self._runner, [steps.ReadFilter(scope=0, rules=rules)], {0: [0]}, ())
        except exception.NoPrivileges:
            return False
        return bool(outcome.answers.get(0))
