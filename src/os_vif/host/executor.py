"""The privileged side: checks the steps that the engine sends, runs them, and undoes what a failed VIF left.

Runs in a privsep daemon, or in the calling process where that is privileged already. It keeps no state between
calls. What fails is rolled back scope by scope: one bad VIF among five hundred costs the others nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from os_vif.host import addresses, filters, locks, netlink, steps
from os_vif.host.netlink import requests
from os_vif.host.plan import SHARED_MARK, UNFINISHED_GROUP

Undo = Callable[[], None]


def execute(request: Mapping[str, object]) -> dict[str, object]:
    """Run one pass.

    request: "steps" (os_vif.host.steps in wire form), "dependents" (for each scope, as [scope, scopes], those that
    are of no use without it, itself among them when it is a VIF's), "locks" (names to hold meanwhile).

    Returns "errors": [scope, step, object, reason, stale] for each scope that failed (stale: the host changed since
    the engine looked, so that it is worth another look), "leftovers": what could not be rolled back, as sentences,
    and "answers": what was read, as [scope, value].
    """
    wire, names, dependents = (_list(request, key) for key in ("steps", "locks", "dependents"))
    parsed = steps.from_wire(wire)
    scopes = {int(scope): frozenset(others) for scope, others in dependents}
    if any(step.scope not in scopes for step in parsed):
        raise ValueError("a step belongs to no scope")
    run = Pass(netlink.route_socket(), scopes)
    if not all(_is_satisfied(step) for step in parsed):
        with locks.held(str(name) for name in names):
            run.run(parsed)
    return run.outcome()


def _is_satisfied(step: steps.Step) -> bool:
    """Whether there is nothing to do: the engine cannot see filter rules, so it asks for them at every plug."""
    with contextlib.suppress(filters.FilterError):  # the step itself will tell
        return isinstance(step, steps.ApplyFilter) and filters.present(step.rules)
    return False


def _list(request: Mapping[str, object], key: str) -> Sequence[Any]:
    value = request.get(key)
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"a pass has a list of {key}, not {value!r}")  # noqa: TRY004  # bad data, not a bug
    return value


class Pass:
    """One run over the steps, with its undo log."""

    def __init__(self, socket: netlink.RouteSocket, dependents: Mapping[int, frozenset[int]]) -> None:
        self._socket = socket
        self._dependents = dependents
        self._done: list[tuple[int, steps.Step, Undo | None]] = []
        self._errors: dict[int, list[object]] = {}
        self._leftovers: list[str] = []
        self._answers: list[list[object]] = []

    def run(self, todo: Iterable[steps.Step]) -> None:
        """Run all steps, phase by phase; then undo those of the scopes that failed."""
        ordered = sorted(todo, key=lambda s: s.phase)
        self._refuse_stale(ordered)
        try:
            for _, phase in groupby(ordered, key=lambda s: s.phase):
                for kind, group in groupby(phase, key=type):
                    wanted = [step for step in group if not self._is_lost(step.scope)]
                    if wanted:
                        _RUN[kind](self, wanted)
        except BaseException:
            self._undo(self._dependents)
            raise
        self._undo([scope for scope in self._dependents if self._is_lost(scope)])

    def outcome(self) -> dict[str, object]:
        """What `execute` returns."""
        errors = [[scope, *error] for scope, error in self._errors.items()]
        return {"errors": errors, "leftovers": self._leftovers, "answers": self._answers}

    def _refuse_stale(self, todo: Sequence[steps.Step]) -> None:
        """Fail the steps made for a host that another process has changed before this one got the locks."""
        changing = [
            s
            for s in todo
            if isinstance(s, (steps.SetLink, steps.DisableIPv6)) and s.before not in ((), None)
        ]
        masters = {
            str(v)
            for s in changing
            if isinstance(s, steps.SetLink)
            for k, v in s.before
            if k == "master" and v
        }
        found = self._socket.links([*{s.name for s in changing}, *masters]) if changing else {}
        for step in changing:
            link = found.get(step.name)
            if isinstance(step, steps.DisableIPv6):
                same = link is not None and link.disable_ipv6 == step.before
            else:
                same = link is not None and all(_is_still(link, found, k, v) for k, v in step.before)
            if not same:
                self._failed(
                    step, OSError(errno.ESTALE, "it is being changed by others"), step.name, stale=True
                )
        self._refuse_used(todo)

    def _refuse_used(self, todo: Sequence[steps.Step]) -> None:
        """A bridge goes only if it has no ports but those that this pass takes out of it."""
        bridges = [
            s
            for s in todo
            if isinstance(s, steps.DeleteLink) and s.kind == "bridge" and s.mark == SHARED_MARK
        ]
        if not bridges:
            return
        released = {s.name for s in todo if isinstance(s, steps.SetLink) and s.master == ""}
        links = self._socket.all_links()
        used = {port.master for port in links if port.name not in released}
        indices = {link.name: link.index for link in links}
        for step in bridges:
            if indices.get(step.name) in used:
                self._failed(step, OSError(errno.EBUSY, "others have begun to use it"), step.name, stale=True)

    def _is_lost(self, scope: int) -> bool:
        """Whether the scope failed, or everything that depends on it did."""
        dependents = self._dependents[scope]
        return scope in self._errors or (bool(dependents) and all(d in self._errors for d in dependents))

    def _failed(self, step: steps.Step, error: Exception, object_: str, *, stale: bool = False) -> None:
        details: list[object] = [str(step), object_, _reason(step, error), stale]
        for scope in {step.scope, *self._dependents[step.scope]}:
            self._errors.setdefault(scope, details)

    def _undo(self, scopes: Iterable[int]) -> None:
        lost = set(scopes)
        for scope, step, undo in reversed(self._done):
            if scope in lost and undo is not None:
                try:
                    undo()
                except Exception as error:  # noqa: BLE001  # one failure must not stop the rest; it is reported
                    self._leftovers.append(f"could not undo '{step}': {error}")

    # --- links -----------------------------------------------------------------------------------------------

    def _send(
        self, batch: Sequence[tuple[steps.Step, netlink.Message, Undo | None]], name: Callable[..., str]
    ) -> None:
        results = self._socket.execute([message for _, message, _ in batch])
        for (step, _, undo), error in zip(batch, results, strict=True):
            # undone as well: a refused change of several attributes, which may have changed some of them, and
            # what the kernel may have done though its answer was lost
            if error is None or isinstance(step, steps.SetLink) or error.errno == errno.ENOBUFS:
                self._done.append((step.scope, step, undo))
            if error is not None:
                stale = error.errno in (errno.EEXIST, errno.ENODEV)
                self._failed(step, error, name(step), stale=stale)

    def _remove_added(self, name: str) -> Undo:
        """Undo of a creation; a bridge that others have begun to use meanwhile stays."""

        def undo() -> None:
            link = self._socket.links([name]).get(name)
            if link is None:
                return
            if link.kind == "bridge" and any(p.master == link.index for p in self._socket.all_links()):
                raise OSError(errno.EBUSY, f"bridge {name} has got ports of others")
            self._socket.request(requests.delete_link(link.index))

        return undo

    def _add_bridges(self, wanted: Sequence[steps.AddBridge]) -> None:
        batch = []
        for step in wanted:
            message = requests.new_bridge(
                step.name,
                mtu=step.mtu,
                forward_delay=step.forward_delay,
                stp=step.stp,
                multicast_snooping=step.multicast_snooping,
                ageing_time=step.ageing_time,
                group=UNFINISHED_GROUP,
            )
            batch.append((step, message, self._remove_added(step.name)))
        self._send(batch, lambda step: step.name)

    def _add_veths(self, wanted: Sequence[steps.AddVeth]) -> None:
        batch = []
        for step in wanted:
            message = requests.new_veth(step.name, step.peer, mtu=step.mtu, group=UNFINISHED_GROUP)
            batch.append((step, message, self._remove_added(step.name)))
        self._send(batch, lambda step: step.name)

    def _rename_links(self, wanted: Sequence[steps.RenameLink]) -> None:
        for step in wanted:
            link = self._socket.links([step.name]).get(step.name)
            if link is None:
                self._failed(step, OSError(errno.ENODEV, "no such network device"), step.name, stale=True)
                continue
            try:
                self._rename(link, step.new_name, step.former, keep=step.keep)
            except OSError as error:
                self._failed(step, error, step.name)
            else:
                self._done.append((step.scope, step, self._rename_back(step, link)))

    def _rename(self, link: netlink.Link, name: str, former: str, *, keep: bool) -> None:
        if not keep:
            self._socket.request(requests.del_altname(link.name, former))
        if link.up:  # kernels before 6.2 rename only what is down
            self._socket.request(requests.set_link(link.index, up=False))
        try:
            self._socket.request(requests.set_link(link.index, new_name=name))
        finally:
            if link.up:
                self._socket.request(requests.set_link(link.index, up=True))
        if keep:
            self._socket.request(requests.add_altname(name, former))

    def _rename_back(self, step: steps.RenameLink, link: netlink.Link) -> Undo:
        renamed = dataclasses.replace(link, name=step.new_name)
        return lambda: self._rename(renamed, step.name, step.former, keep=not step.keep)

    def _add_vlans(self, wanted: Sequence[steps.AddVlan]) -> None:
        parents = self._socket.links(list({step.link for step in wanted}))
        batch = []
        for step in wanted:
            parent = parents.get(step.link)
            if parent is None:
                self._failed(step, OSError(errno.ENODEV, "no such network device"), step.link)
                continue
            message = requests.new_vlan(
                step.name, parent.index, step.vlan_id, mtu=step.mtu, group=UNFINISHED_GROUP
            )
            batch.append((step, message, self._remove_added(step.name)))
        self._send(batch, lambda step: step.name)

    def _add_taps(self, wanted: Sequence[steps.AddTap]) -> None:
        for step in wanted:
            try:
                netlink.create_tap(step.name, multiqueue=step.multiqueue)
            except OSError as error:
                self._failed(step, error, step.name, stale=error.errno in (errno.EEXIST, errno.EBUSY))
            else:
                self._done.append((step.scope, step, self._remove_added(step.name)))

    def _disable_ipv6(self, wanted: Sequence[steps.DisableIPv6]) -> None:
        for step in wanted:
            path = f"/proc/sys/net/ipv6/conf/{step.name}/disable_ipv6"
            try:
                _write(path, "1" if step.value else "0")
            except FileNotFoundError:
                continue  # a kernel without IPv6 has none to turn off; a link that went away fails at its SetLink
            except OSError as error:
                self._failed(step, error, step.name)
            else:
                self._done.append((step.scope, step, _restore_ipv6(path, step.before)))

    def _set_links(self, wanted: Sequence[steps.SetLink]) -> None:
        before = [dict(step.before) for step in wanted]
        masters = {
            str(m) for s, b in zip(wanted, before, strict=True) for m in (s.master, b.get("master")) if m
        }
        found = self._socket.links(list(masters)) if masters else {}
        indices = {"": 0} | {name: link.index for name, link in found.items()}
        batch = []
        for step, was in zip(wanted, before, strict=True):
            if step.master is not None and step.master not in indices:
                self._failed(step, OSError(errno.ENODEV, "no such bridge"), step.master, stale=True)
                continue
            message = requests.set_link(
                step.name,
                mtu=step.mtu,
                address=step.address,
                alias=step.alias,
                group=step.group,
                master=None if step.master is None else indices[step.master],
                arp_ignore=step.arp_ignore,
                arp_announce=step.arp_announce,
                promisc=step.promisc,
                up=step.up,
            )
            batch.append((step, message, self._restore_link(step.name, was, indices)))
        self._send(batch, lambda step: step.name)

    def _restore_link(self, name: str, was: Mapping[str, object], indices: Mapping[str, int]) -> Undo | None:
        if not was:
            return None
        values = dict(was)
        if "master" in values:
            values["master"] = indices.get(str(values["master"]), 0)
        return lambda: self._socket.request(requests.set_link(name, **values))  # type: ignore[arg-type]

    def _delete_links(self, wanted: Sequence[steps.DeleteLink]) -> None:
        found = self._socket.links([step.name for step in wanted])
        going = []
        for step in wanted:
            link = found.get(step.name)
            if link is None:
                continue
            alias = link.alias or ""
            marked = alias == step.mark or (not alias and (step.adopt or link.group == UNFINISHED_GROUP))
            if link.kind == step.kind and marked:
                going.append((step, link))
            else:
                error = OSError(
                    errno.EPERM, f"it is now a {link.kind or 'device'} marked {alias or 'nothing'}"
                )
                self._failed(step, error, step.name, stale=True)
        for (step, _), failure in zip(going, self._deleted([link for _, link in going]), strict=True):
            if failure is None or failure.errno == errno.ENODEV:
                self._done.append((step.scope, step, None))
            else:
                self._failed(step, failure, step.name)

    def _deleted(self, links: Sequence[netlink.Link]) -> list[netlink.NetlinkError | None]:
        """Delete the links; many of them as one group, which costs the kernel one grace period instead of many."""
        if len(links) == 1:
            return self._socket.execute([requests.delete_link(links[0].index)])
        # far from the numbers that people choose, and from UNFINISHED_GROUP
        group = 2**30 + secrets.randbelow(2**29)
        messages = [requests.set_link(link.index, group=group) for link in links]
        *results, deleted = self._socket.execute([*messages, requests.delete_group(group)])
        if deleted is None and not any(results):
            return results
        # e.g. one was deleted by others meanwhile: what counts is which ones are left
        left = {link.index for link in self._socket.links([link.name for link in links]).values()}
        back = [requests.set_link(link.index, group=link.group) for link in links if link.index in left]
        self._socket.execute(back)
        return [
            (result or deleted) if link.index in left else None
            for link, result in zip(links, results, strict=True)
        ]

    # --- layer 3 and filter rules ------------------------------------------------------------------------------

    def _move_addresses(self, wanted: Sequence[steps.MoveAddresses]) -> None:
        for step in wanted:
            try:
                undo = addresses.move(self._socket, step.source, step.target)
            except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
                stale = isinstance(error, OSError) and error.errno == errno.ENODEV
                self._failed(step, error, step.source, stale=stale)
            else:
                self._done.append((step.scope, step, undo))

    def _apply_filters(self, wanted: Sequence[steps.ApplyFilter]) -> None:
        for step in wanted:
            try:
                undo = filters.apply([step.rules])
            except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
                self._failed(step, error, step.rules.bridge)
            else:
                self._done.append((step.scope, step, undo))

    def _read_filters(self, wanted: Sequence[steps.ReadFilter]) -> None:
        for step in wanted:
            try:
                self._answers.append([step.scope, filters.present(step.rules)])
            except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
                self._failed(step, error, step.rules.bridge)

    def _remove_filters(self, wanted: Sequence[steps.RemoveFilter]) -> None:
        for step in wanted:
            try:
                filters.remove([step.rules])
            except Exception as error:  # noqa: BLE001  # told to the caller as this step's failure
                self._failed(step, error, step.rules.bridge)


def _reason(step: steps.Step, error: Exception) -> str:
    """Why, in the system's own words; for a step of many requests also which of them."""
    if isinstance(error, netlink.NetlinkError) and not isinstance(step, steps.MoveAddresses):
        return f"{error.strerror} ({error.reason})" if error.reason else str(error.strerror)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, netlink.NetlinkError):
        return error.strerror
    return str(error) or type(error).__name__


def _is_still(
    link: netlink.Link, found: Mapping[str, netlink.Link], attribute: str, before: int | str | bool
) -> bool:
    if attribute != "master":
        return bool((getattr(link, attribute) or 0) == (before or 0))
    master = found.get(str(before))
    return link.master == (master.index if master is not None else 0 if not before else -1)


def _write(path: str, value: str) -> None:
    """Write a file of /proc/sys; pathlib would cost as much as the kernel does."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _restore_ipv6(path: str, before: bool | None) -> Undo | None:
    if before is None:  # the link is new and goes as a whole
        return None

    def undo() -> None:
        with contextlib.suppress(FileNotFoundError):
            _write(path, "1" if before else "0")

    return undo


_RUN: dict[type[steps.Step], Callable[..., None]] = {
    steps.AddBridge: Pass._add_bridges,
    steps.AddVlan: Pass._add_vlans,
    steps.AddTap: Pass._add_taps,
    steps.AddVeth: Pass._add_veths,
    steps.RenameLink: Pass._rename_links,
    steps.DisableIPv6: Pass._disable_ipv6,
    steps.SetLink: Pass._set_links,
    steps.MoveAddresses: Pass._move_addresses,
    steps.ApplyFilter: Pass._apply_filters,
    steps.ReadFilter: Pass._read_filters,
    steps.RemoveFilter: Pass._remove_filters,
    steps.DeleteLink: Pass._delete_links,
}
