"""Links: made, set, renamed, deleted."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import secrets
from collections.abc import Callable, Mapping, Sequence

from os_vif.host import netlink, steps
from os_vif.host.ledger import Act, Ledger, Undo
from os_vif.host.netlink import requests
from os_vif.host.plan import UNFINISHED_GROUP


def _send(
    ledger: Ledger, batch: Sequence[tuple[steps.Step, netlink.Message, Undo | None]], name: Callable[..., str]
) -> None:
    results = ledger.socket.execute([message for _, message, _ in batch])
    for (step, _, undo), error in zip(batch, results, strict=True):
        # undone as well: a refused change of several attributes, which may have changed some of them, and
        # what the kernel may have done though its answer was lost
        if error is None or isinstance(step, steps.SetLink) or error.errno == errno.ENOBUFS:
            ledger.done(step, undo)
        if error is not None:
            stale = error.errno in (errno.EEXIST, errno.ENODEV)
            ledger.failed(step, error, name(step), stale=stale)


def _remove_added(ledger: Ledger, name: str) -> Undo:
    """Undo of a creation; a bridge that others have begun to use meanwhile stays."""

    def undo() -> None:
        link = ledger.socket.links([name]).get(name)
        if link is None:
            return
        if link.kind == "bridge" and any(p.master == link.index for p in ledger.socket.all_links()):
            raise OSError(errno.EBUSY, f"bridge {name} has got ports of others")
        ledger.socket.request(requests.delete_link(link.index))

    return undo


def _add_bridges(ledger: Ledger, wanted: Sequence[steps.AddBridge]) -> None:
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
        batch.append((step, message, _remove_added(ledger, step.name)))
    _send(ledger, batch, lambda step: step.name)


def _add_veths(ledger: Ledger, wanted: Sequence[steps.AddVeth]) -> None:
    batch = []
    for step in wanted:
        message = requests.new_veth(step.name, step.peer, mtu=step.mtu, group=UNFINISHED_GROUP)
        batch.append((step, message, _remove_added(ledger, step.name)))
    _send(ledger, batch, lambda step: step.name)


def _rename_links(ledger: Ledger, wanted: Sequence[steps.RenameLink]) -> None:
    for step in wanted:
        link = ledger.socket.links([step.name]).get(step.name)
        if link is None:
            ledger.failed(step, OSError(errno.ENODEV, "no such network device"), step.name, stale=True)
            continue
        try:
            _rename(ledger, link, step.new_name, step.former, keep=_keeps(step))
        except OSError as error:
            ledger.failed(step, error, step.name)
        else:
            ledger.done(step, _rename_back(ledger, step, link))


def _rename(ledger: Ledger, link: netlink.Link, name: str, former: str, *, keep: bool) -> None:
    if not keep:
        ledger.socket.request(requests.del_altname(link.name, former))
    if link.up:  # kernels before 6.2 rename only what is down
        ledger.socket.request(requests.set_link(link.index, up=False))
    try:
        ledger.socket.request(requests.set_link(link.index, new_name=name))
    finally:
        if link.up:
            ledger.socket.request(requests.set_link(link.index, up=True))
    if keep:
        ledger.socket.request(requests.add_altname(name, former))


def _keeps(step: steps.RenameLink) -> bool:
    """Whether the link keeps its former name as an altname; else it has lost it again."""
    return not isinstance(step, steps.RenameLinkBack)


def _rename_back(ledger: Ledger, step: steps.RenameLink, link: netlink.Link) -> Undo:
    renamed = dataclasses.replace(link, name=step.new_name)
    return lambda: _rename(ledger, renamed, step.name, step.former, keep=not _keeps(step))


def _add_vlans(ledger: Ledger, wanted: Sequence[steps.AddVlan]) -> None:
    parents = ledger.socket.links(list({step.link for step in wanted}))
    batch = []
    for step in wanted:
        parent = parents.get(step.link)
        if parent is None:
            ledger.failed(step, OSError(errno.ENODEV, "no such network device"), step.link)
            continue
        message = requests.new_vlan(
            step.name, parent.index, step.vlan_id, mtu=step.mtu, group=UNFINISHED_GROUP
        )
        batch.append((step, message, _remove_added(ledger, step.name)))
    _send(ledger, batch, lambda step: step.name)


def _add_taps(ledger: Ledger, wanted: Sequence[steps.AddTap]) -> None:
    for step in wanted:
        try:
            netlink.create_tap(step.name, multiqueue=step.multiqueue)
        except OSError as error:
            ledger.failed(step, error, step.name, stale=error.errno in (errno.EEXIST, errno.EBUSY))
        else:
            ledger.done(step, _remove_added(ledger, step.name))


def _disable_ipv6(ledger: Ledger, wanted: Sequence[steps.DisableIPv6]) -> None:
    for step in wanted:
        path = f"/proc/sys/net/ipv6/conf/{step.name}/disable_ipv6"
        try:
            _write(path, "1" if step.value else "0")
        except FileNotFoundError:
            continue  # a kernel without IPv6 has none to turn off; a link that went away fails at its SetLink
        except OSError as error:
            ledger.failed(step, error, step.name)
        else:
            ledger.done(step, _restore_ipv6(path, step.before))


def _set_links(ledger: Ledger, wanted: Sequence[steps.SetLink]) -> None:
    before = [dict(step.before) for step in wanted]
    masters = {str(m) for s, b in zip(wanted, before, strict=True) for m in (s.master, b.get("master")) if m}
    found = ledger.socket.links(list(masters)) if masters else {}
    indices = {"": 0} | {name: link.index for name, link in found.items()}
    batch = []
    for step, was in zip(wanted, before, strict=True):
        if step.master is not None and step.master not in indices:
            ledger.failed(step, OSError(errno.ENODEV, "no such bridge"), step.master, stale=True)
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
        batch.append((step, message, _restore_link(ledger, step.name, was, indices)))
    _send(ledger, batch, lambda step: step.name)


def _restore_link(
    ledger: Ledger, name: str, was: Mapping[str, object], indices: Mapping[str, int]
) -> Undo | None:
    if not was:
        return None
    values = dict(was)
    if "master" in values:
        values["master"] = indices.get(str(values["master"]), 0)
    return lambda: ledger.socket.request(requests.set_link(name, **values))  # type: ignore[arg-type]


def _delete_links(ledger: Ledger, wanted: Sequence[steps.DeleteLink]) -> None:
    found = ledger.socket.links([step.name for step in wanted])
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
            error = OSError(errno.EPERM, f"it is now a {link.kind or 'device'} marked {alias or 'nothing'}")
            ledger.failed(step, error, step.name, stale=True)
    for (step, _), failure in zip(going, _deleted(ledger, [link for _, link in going]), strict=True):
        if failure is None or failure.errno == errno.ENODEV:
            ledger.done(step, None)
        else:
            ledger.failed(step, failure, step.name)


def _deleted(ledger: Ledger, links: Sequence[netlink.Link]) -> list[netlink.NetlinkError | None]:
    """Delete the links; many of them as one group, which costs the kernel one grace period instead of many."""
    if len(links) == 1:
        return ledger.socket.execute([requests.delete_link(links[0].index)])
    # far from the numbers that people choose, and from UNFINISHED_GROUP
    group = 2**30 + secrets.randbelow(2**29)
    messages = [requests.set_link(link.index, group=group) for link in links]
    *results, deleted = ledger.socket.execute([*messages, requests.delete_group(group)])
    if deleted is None and not any(results):
        return results
    # e.g. one was deleted by others meanwhile: what counts is which ones are left
    left = {link.index for link in ledger.socket.links([link.name for link in links]).values()}
    back = [requests.set_link(link.index, group=link.group) for link in links if link.index in left]
    ledger.socket.execute(back)
    return [
        (result or deleted) if link.index in left else None
        for link, result in zip(links, results, strict=True)
    ]


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


RUN: dict[type[steps.Step], Act] = {
    steps.AddBridge: _add_bridges,
    steps.AddVlan: _add_vlans,
    steps.AddTap: _add_taps,
    steps.AddVeth: _add_veths,
    steps.RenameLink: _rename_links,
    steps.RenameLinkBack: _rename_links,
    steps.DisableIPv6: _disable_ipv6,
    steps.SetLink: _set_links,
    steps.DeleteLink: _delete_links,
}
