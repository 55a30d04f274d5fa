"""The engine: makes plans true, compares them with the host, takes them away; for one VIF or a thousand alike.

observe -> compare -> steps -> one privileged call -> observe again. PlannedPlugin and the face call it. A job that
fails is rolled back alone and reported as its exception; the other jobs of the same pass are not its business.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from os_vif import exception
from os_vif.host import diff, locks, removals, steps
from os_vif.host.changes import make_rows, to_make
from os_vif.host.conflicts import conflicts, refusal
from os_vif.host.differences import Difference, Remedy
from os_vif.host.netlink import route_socket
from os_vif.host.observe import Host, observe
from os_vif.host.ovs import DatabaseLostError
from os_vif.host.ovs.state import OvsState
from os_vif.host.passes import Outcome, Run, Runner, StaleError, call, lender, lock_name, unwrapped
from os_vif.host.plan import (
    HIDDEN,
    OWNED,
    SHARED,
    BridgePort,
    Hidden,
    OvsBridge,
    OvsDatabase,
    OvsPort,
    Plan,
    Resource,
    Script,
)
from os_vif.host.waiting import HostMonitor

LOG = logging.getLogger(__name__)

_PAUSE, _PAUSE_MAX = 0.1, 2.0  # seconds between two looks at what the privileged side alone can see
_ATTEMPTS = 4  # another process may change the host between our look and our change


@dataclass(frozen=True, slots=True)
class Job:
    """A plan and who runs its steps."""

    plan: Plan
    runner: Runner


def apply(jobs: Sequence[Job], *, force: bool = False) -> list[Outcome]:
    """Make the plans true. Returns, for each job in order, None or why it failed.

    Objects that are right are not touched. force: also change shared objects that differ (what `repair` is for).
    """
    outcomes = conflicts([job.plan for job in jobs])
    todo = [i for i, outcome in enumerate(outcomes) if outcome is None]
    made: dict[int, Host] = {}
    for attempt in range(_ATTEMPTS):
        last = attempt == _ATTEMPTS - 1
        todo = _apply_once(jobs, todo, outcomes, made, force=force, first=attempt == 0, last=last)
        if not todo:
            break
    for i, before in made.items():
        if outcomes[i] is not None:
            _drop_new(jobs[i], before)
    return outcomes


def check(jobs: Sequence[Job]) -> list[list[Difference]]:
    """What differs from each plan, object by object; an empty list is a VIF that is plugged as planned."""
    host = observe([job.plan for job in jobs], route_socket())
    seen, errors = look(jobs)
    for error in errors.values():
        raise error
    host = replace(host, hidden=seen)
    return [_obstacle(job.plan) + [d for d in diff.compare(job.plan, host) if not d.implied] for job in jobs]


def _obstacle(plan: Plan) -> list[Difference]:
    if plan.obstacle is None:
        return []
    about, text = (plan.resources or (None,))[0], str(plan.obstacle)
    return [Difference(about, "obstacle", None, text, Remedy.REFUSE, text, name=plan.vif_id)]


def remove(jobs: Sequence[Job], *, shared: bool = False) -> list[Outcome]:
    """Take away what the VIFs own. Returns, for each job in order, None or why something of it is left.

    shared: also take away shared objects that os-vif made, once nobody uses them any more.
    """
    outcomes: list[Outcome] = [None] * len(jobs)
    for group in _by_runner(jobs, range(len(jobs))):
        todo = group
        for attempt in range(_ATTEMPTS):
            failed = _remove_once(jobs, todo, first=attempt == 0)
            outcomes = [failed.get(i) if i in todo else old for i, old in enumerate(outcomes)]
            todo = [i for i, error in failed.items() if isinstance(error, StaleError)]
            if not todo:
                break
        if shared:
            failure = _remove_shared([jobs[i] for i in group])
            for i in group:
                outcomes[i] = outcomes[i] or failure
    return [unwrapped(outcome) for outcome in outcomes]


def wait_ready(job: Job, timeout: float) -> None:
    """Return as soon as the host is as planned; timeout: seconds.

    :raises os_vif.exception.NotReady: with what still differs
    """
    deadline = time.monotonic() + timeout
    pause = _PAUSE
    reasons: list[str] = []
    try:
        with HostMonitor(job.plan, deadline) as monitor:
            while found := check([job])[0]:
                reasons = [str(d) for d in found]
                if time.monotonic() >= deadline:
                    raise exception.NotReady(vif=job.plan.vif_id, timeout=timeout, reasons=reasons)
                if all(isinstance(d.resource, HIDDEN) for d in found):
                    monitor.wait(
                        pause
                    )  # nobody tells of changes there: it is asked again, ever more patiently
                    pause = min(2 * pause, _PAUSE_MAX)
                else:
                    monitor.wait()
    except DatabaseLostError as error:
        reasons.append(str(error))
        raise exception.NotReady(vif=job.plan.vif_id, timeout=timeout, reasons=reasons) from error


def look(jobs: Sequence[Job]) -> tuple[dict[Hidden, str], dict[Hidden, Exception]]:
    """Have the privileged side look at what only it can see.

    Returns what is wrong with each resource, in words ("" for nothing), and why others could not be looked at.

    :raises os_vif.exception.NoPrivileges: there is no privileged side
    """
    seen: dict[Hidden, str] = {}
    errors: dict[Hidden, Exception] = {}
    for group in _by_runner(jobs, range(len(jobs))):
        wanted = list(dict.fromkeys(r for i in group for r in jobs[i].plan if isinstance(r, HIDDEN)))
        if wanted:
            looks = [steps.Look(scope=n, resource=r) for n, r in enumerate(wanted)]
            outcome = call(jobs[group[0]].runner, looks, {n: [n] for n in range(len(wanted))})
            seen.update({wanted[n]: str(words) for n, words in outcome.answers.items()})
            errors.update({wanted[n]: unwrapped(error) or error for n, error in outcome.errors.items()})
    return seen, errors


def _remove_once(jobs: Sequence[Job], todo: Sequence[int], *, first: bool) -> dict[int, Exception]:
    plans, runner = [jobs[i].plan for i in todo], jobs[todo[0]].runner
    with _turn(plans, runner, first=first) as seen:
        host = observe(plans, route_socket(), leftovers=True)
        run = Run(runner)
        for i, plan in zip(todo, plans, strict=True):
            run.vif_scope(i, plan, removals.to_remove(plan, host, run.next_scope))
        if first:
            return run.execute_unless_changed(host, seen, roll_back=False)
        return run.execute(host, roll_back=False)


@contextlib.contextmanager
def _turn(plans: Sequence[Plan], runner: Runner, *, first: bool) -> Iterator[locks.Counts | None]:
    """A look at the host and what follows from it. The first takes its locks when it knows what it changes, and gives
    up if others have been at work meanwhile; the next one has the locks of all it might change before it looks.
    """
    names = {plan.vif_id for plan in plans}
    names.update(lock_name(r) for plan in plans for r in plan if r.ownership is SHARED)
    if first:
        yield locks.counts(names)
    else:
        with locks.held(names, lender(runner)):
            yield None


def _remove_shared(jobs: Sequence[Job]) -> Outcome:
    """Take away the shared objects of these plans that os-vif made and nobody uses."""
    failure: Outcome = None
    for _ in range(_ATTEMPTS):
        failure = _remove_shared_once(jobs)
        if not isinstance(failure, StaleError):
            break
    return failure


def _remove_shared_once(jobs: Sequence[Job]) -> Outcome:
    plans, runner = [job.plan for job in jobs], jobs[0].runner
    socket = route_socket()
    with _turn(plans, runner, first=False):
        host = observe(plans, socket)
        uplinks = {
            r.port for plan in plans for r in plan if isinstance(r, BridgePort) and r.ownership is SHARED
        }
        used = {host.names.get(link.master, "") for link in socket.all_links() if link.name not in uplinks}
        todo = removals.to_remove_shared(plans, host, used, scope=0)
        return call(runner, todo, {0: [0]}).errors.get(0) if todo else None


# --- apply ---------------------------------------------------------------------------------------------------------


def _apply_once(
    jobs: Sequence[Job],
    todo: Sequence[int],
    outcomes: list[Outcome],
    made: dict[int, Host],
    *,
    force: bool,
    first: bool,
    last: bool,
) -> list[int]:
    """One pass over the jobs `todo`; fills `outcomes`, returns the jobs that are worth another pass.

    made: gets the jobs for which a pass was carried out, with the host as it was before the first: if the job fails
    after all, what a later pass undoes is not all that was made.
    """
    again: list[int] = []
    for group in _by_runner(jobs, todo):
        plans, runner = [jobs[i].plan for i in group], jobs[group[0]].runner
        with _turn(plans, runner, first=first) as seen:
            host = observe(plans, route_socket())
            run, unsettled, refused = _collect(jobs, group, host, force=force)
            # what others were changing while we looked may not be in the way at all
            disturbed = first and not locks.undisturbed(seen)
            failed = run.execute_unless_changed(host, seen) if first else run.execute(host)
        for i, error in (refused | failed).items():
            if not last and (disturbed if i in refused else isinstance(error, StaleError)):
                again.append(i)
            else:
                outcomes[i] = unwrapped(error)
        done = [i for i in group if (i in unsettled or i in run.vifs()) and i not in failed]
        for i in done:
            made.setdefault(i, host)
        again += _verify(jobs, done, outcomes, made, last=last)
    return again


def _collect(
    jobs: Sequence[Job], group: Sequence[int], host: Host, *, force: bool
) -> tuple[Run, set[int], dict[int, Exception]]:
    """The steps that make the plans of a group true, the VIFs that only wait for ovs-vswitchd, and the refused."""
    run = Run(jobs[group[0]].runner)
    unsettled: set[int] = set()
    refused: dict[int, Exception] = {}
    for i in group:
        found = diff.compare(jobs[i].plan, host)
        if force:
            found = [replace(d, remedy=Remedy.MEND) if d.remedy is Remedy.LEAVE else d for d in found]
        error = _add_job(run, i, jobs[i].plan, found, host, force=force)
        if error is not None:
            refused[i] = error
        elif any(d.remedy is Remedy.SETTLE for d in found):
            unsettled.add(i)
    return run, unsettled, refused


def _add_job(
    run: Run, index: int, plan: Plan, found: Sequence[Difference], host: Host, *, force: bool
) -> Outcome:
    if plan.obstacle is not None:
        return plan.obstacle
    for difference in found:
        refused = difference.remedy is Remedy.REFUSE
        if refused or (difference.remedy is Remedy.ASK and not force):
            return refusal(plan, difference)
    by_resource: dict[Resource | None, list[Difference]] = {}
    for difference in found:
        by_resource.setdefault(difference.resource, []).append(difference)
    own: list[steps.Step] = []
    needs: list[int] = []
    for resource in plan:
        differences = by_resource.get(resource, [])
        if resource.ownership is OWNED:
            own += to_make(resource, differences, plan, host, run.next_scope)
        elif resource.ownership is SHARED:
            needs += run.shared_scope(resource, differences, plan, host)
    run.vif_scope(index, plan, own, needs)
    return None


def _verify(
    jobs: Sequence[Job], done: Sequence[int], outcomes: list[Outcome], made: dict[int, Host], *, last: bool
) -> list[int]:
    """Look again: plugged is what is seen to be plugged. Returns the jobs to try again."""
    if not done:
        return []
    plans = [jobs[i].plan for i in done]
    try:
        host = observe(plans, route_socket(), known=_settle(plans))
    except Exception as error:  # noqa: BLE001  # of these VIFs nothing is known; of those of other runners it may be
        for i in done:
            outcomes[i] = error
            made.pop(i, None)  # whole, and not seen: better than the half that could be taken away now
        return []
    again = []
    for i in done:
        found = diff.compare(jobs[i].plan, host)
        left = [d for d in found if d.remedy not in (Remedy.WAIT, Remedy.LEAVE)]
        settled = not any(d.remedy is Remedy.SETTLE for d in left)
        if left and settled and not last:
            again.append(i)
        elif left:
            words = "; ".join(str(d) for d in left)
            vif = jobs[i].plan.vif_id
            text = None if settled else f"VIF {vif}: Open vSwitch could not connect it: {words}"
            outcomes[i] = exception.NotVerified(text, vif=vif, differences=words)
    return again


def _settle(plans: Sequence[Plan]) -> dict[OvsDatabase, OvsState]:
    """Wait for the ports that ovs-vswitchd has to open; whether it could is seen afterwards, or has been already."""
    switch = [r for plan in plans for r in plan if isinstance(r, (OvsBridge, OvsPort))]
    ports: dict[OvsDatabase, list[str]] = {}
    for resource in switch:
        if isinstance(resource, OvsPort) and resource.must_be_ready:
            ports.setdefault(resource.database, []).append(resource.name)
    if not ports:
        return {}
    from os_vif.host.ovs.settle import settle  # with TLS and JSON: only hosts with Open vSwitch pay for it

    seen: dict[OvsDatabase, OvsState] = {}
    for database, names in ports.items():
        state = settle(database, names, [r for r in switch if r.database == database])
        if state is not None:
            seen[database] = state
    return seen


def _drop_new(job: Job, before: Host) -> None:
    """Take away what was made for a VIF whose plug failed only after it was made."""
    vif = job.plan.vif_id
    rows = [r for r in job.plan if isinstance(r, (OvsBridge, OvsPort))]
    problems: list[object] = []
    if rows:
        from os_vif.host.ovs.commit import Commit

        problems += Commit([make_rows(r, job.plan, scope=0) for r in rows], before.ovs).undo({0})
    owned = [r for r in job.plan if r.ownership is OWNED and r not in rows]
    there = {("link", name) for name in before.links}
    # a script's work is as new as the links it was done on
    new = [r for r in owned if r.key not in there]
    if all(isinstance(r, Script) for r in new):
        new = []
    problems += [error for error in remove([Job(Plan(vif, tuple(new)), job.runner)]) if error is not None]
    for problem in problems:
        LOG.error("VIF %s: could not roll back an unverified plug: %s", vif, problem)


def _by_runner(jobs: Sequence[Job], indices: Iterable[int]) -> list[list[int]]:
    groups: dict[Runner, list[int]] = {}
    for i in indices:
        groups.setdefault(jobs[i].runner, []).append(i)
    return list(groups.values())
