"""The privileged side: checks the steps that the engine sends, runs them, and undoes what a failed VIF left.

Runs in a privsep daemon, or in the calling process where that is privileged already. It keeps no state between
calls. What each kind of step does is in os_vif.host.acts.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from os_vif.host import locks, netlink, steps
from os_vif.host.acts import addresses, hidden, links, vfs
from os_vif.host.acts.filters import FilterKeeper
from os_vif.host.hidden import Keeper, LaterError
from os_vif.host.ledger import Act, Ledger
from os_vif.host.plan import SHARED_MARK

_RUN: dict[type[steps.Step], Act] = {**links.RUN, **addresses.RUN, **hidden.RUN, **vfs.RUN}


def execute(
    request: Mapping[str, object], keepers: Sequence[Keeper] = (FilterKeeper(),)
) -> dict[str, object]:
    """Run one pass, or lend what a pass needs.

    request: "steps" (os_vif.host.steps in wire form), "dependents" (for each scope, as [scope, scopes], those that
    are of no use without it, itself among them when it is a VIF's); or "lend": the place where the caller waits for
    the lock files (os_vif.host.locks).

    keepers: of what only this side can see. Whoever receives the request says which there are: to run plug scripts is
    more than to change the network, and only the daemon that is configured for it does so.

    Returns "errors": [scope, step, object, reason, verdict] for each scope that failed (verdict: one of
    os_vif.host.ledger; stale: the host changed since the engine looked, so that it is worth another look),
    "leftovers": what could not be rolled back, as sentences, and "answers": what was read, as [scope, value].
    """
    place = request.get("lend")
    if place is not None:
        locks.lend(str(place))
        return {}
    parsed = steps.from_wire(_list(request, "steps"))
    dependents = {int(scope): frozenset(others) for scope, others in _list(request, "dependents")}
    if any(step.scope not in dependents for step in parsed):
        raise ValueError("a step belongs to no scope")
    by_kind = {keeper.kind: keeper for keeper in keepers}
    _refuse_unkept(parsed, by_kind)
    places = [step for step in parsed if isinstance(step, steps.Place)]
    looked = len(places) == len(parsed)
    ledger = Ledger(netlink.route_socket(), dependents, by_kind, looked=looked)
    if looked:  # of a plug again, as a rule: there is nothing to do
        parsed = _wrong(ledger, places)
    _run(ledger, sorted(parsed, key=lambda s: s.when))
    return ledger.outcome()


def _list(request: Mapping[str, object], key: str) -> Sequence[Any]:
    value = request.get(key)
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"a pass has a list of {key}, not {value!r}")  # noqa: TRY004  # bad data, not a bug
    return value


def _refuse_unkept(parsed: Sequence[steps.Step], keepers: Mapping[type, Keeper]) -> None:
    for step in parsed:
        if isinstance(step, (steps.Look, steps.Place, steps.Remove)) and type(step.resource) not in keepers:
            raise ValueError(
                f"could not {step}: this privileged side does not do that. A plugin whose plans have plug scripts"
                " needs the runner of vif_plug_script.privsep, or one like it"
            )


def _wrong(ledger: Ledger, places: Sequence[steps.Place]) -> list[steps.Step]:
    """Those of the steps for which there is something to do: the engine cannot see it, so it asks at every plug."""
    wrong: list[steps.Step] = []
    for kind, keeper in ledger.keepers.items():
        asked = [step for step in places if type(step.resource) is kind]
        found = keeper.look([step.resource for step in asked]) if asked else ()
        for step, words in zip(asked, found, strict=True):
            if isinstance(words, LaterError):
                ledger.failed(step, words, step.resource.key[1])
            elif words:  # or an error, which the step itself will tell
                wrong.append(step)
    return wrong


def _run(ledger: Ledger, todo: Sequence[steps.Step]) -> None:
    """Run all steps, phase by phase; then undo those of the scopes that failed."""
    _refuse_stale(ledger, todo)
    try:
        for _, phase in groupby(todo, key=lambda s: s.when):
            for kind, group in groupby(phase, key=type):
                wanted = [step for step in group if not ledger.is_lost(step.scope)]
                if wanted:
                    _RUN[kind](ledger, wanted)
    except BaseException:
        ledger.undo({step.scope for step in todo})
        raise
    ledger.undo()


def _refuse_stale(ledger: Ledger, todo: Sequence[steps.Step]) -> None:
    """Fail the steps made for a host that another process has changed since they were made."""
    changing = [
        s for s in todo if isinstance(s, (steps.SetLink, steps.DisableIPv6)) and s.before not in ((), None)
    ]
    masters = {
        str(v) for s in changing if isinstance(s, steps.SetLink) for k, v in s.before if k == "master" and v
    }
    found = ledger.socket.links([*{s.name for s in changing}, *masters]) if changing else {}
    for step in changing:
        link = found.get(step.name)
        if isinstance(step, steps.DisableIPv6):
            same = link is not None and link.disable_ipv6 == step.before
        else:
            same = link is not None and all(_is_still(link, found, k, v) for k, v in step.before)
        if not same:
            ledger.failed(step, OSError(errno.ESTALE, "it is being changed by others"), step.name, stale=True)
    _refuse_used(ledger, todo)


def _refuse_used(ledger: Ledger, todo: Sequence[steps.Step]) -> None:
    """A bridge goes only if it has no ports but those that this pass takes out of it."""
    bridges = [
        s for s in todo if isinstance(s, steps.DeleteLink) and s.kind == "bridge" and s.mark == SHARED_MARK
    ]
    if not bridges:
        return
    released = {s.name for s in todo if isinstance(s, steps.SetLink) and s.master == ""}
    links = ledger.socket.all_links()
    used = {port.master for port in links if port.name not in released}
    indices = {link.name: link.index for link in links}
    for step in bridges:
        if indices.get(step.name) in used:
            ledger.failed(step, OSError(errno.EBUSY, "others have begun to use it"), step.name, stale=True)


def _is_still(
    link: netlink.Link, found: Mapping[str, netlink.Link], attribute: str, before: int | str | bool
) -> bool:
    if attribute != "master":
        return bool((getattr(link, attribute) or 0) == (before or 0))
    master = found.get(str(before))
    return link.master == (master.index if master is not None else 0 if not before else -1)
