"""Which packets a Linux bridge may forward, as rules of iptables or nftables: look, place, remove, describe.

Called on the privileged side by os_vif.host.executor; uid 0 and CAP_NET_ADMIN are enough (iptables-legacy
alone also needs CAP_NET_RAW). Every function acts in the calling thread's network namespace.

The host decides where the rules go, not an administrator:

- iptables, if it is in use: its filter table has a rule, a user chain, or a policy other than ACCEPT, in
  iptables-nft or iptables-legacy. Then its FORWARD chain decides about the packets of bridges, and our rules
  must stand in it. On a host that uses both variants each decides by itself, and the rules go into both.
- else nftables (os_vif.host.filters.nftables), if libnftables is installed; else iptables if it is installed.

The two differ in what an accept means. A drop ends a packet's way in both. An accept in iptables' FORWARD
chain is the last word of iptables. An accept in a base chain of nftables ends that chain only: a later base
chain of another table can still drop the packet, and no rule of ours can prevent that. On a host with a
forward policy of its own in nftables (firewalld, /etc/nftables.conf) the operator accepts the bridges there;
the rules here then only take away. This is why a FORWARD chain of iptables, if it does anything, comes first:
there an accept can be given.

Rules that were placed in nftables before iptables came into use (Docker was installed) no longer decide: `present`
says so, and the next `apply` moves them. It writes the new ones before it removes the old ones, so no packet meets
a host without them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from os_vif.host import locks
from os_vif.host.filters.iptables import installed, used
from os_vif.host.filters.nftables import Nftables
from os_vif.host.filters.rules import BridgeRules, FilterError, RuleFields, Undo, forward_rules

__all__ = ["BridgeRules", "FilterError", "RuleFields", "Undo", "apply", "describe", "present", "remove"]


def present(rules: RuleFields) -> bool:
    """Whether the rules of a bridge are there, complete and in order, in the backend that decides on this host now.

    FilterError if the host does not let us look.
    """
    checked = [BridgeRules.of(rules)]
    nftables = Nftables.find()
    variants = used(nftables, _families(checked))
    if variants:
        return all(variant.holds(checked) for variant in variants)
    return nftables is not None and nftables.holds(checked)


def apply(rules: Sequence[RuleFields]) -> Undo:
    """Make the rules of these bridges be there: one transaction, and nothing written where all is right.

    Returns what restores exactly what was there before; call it in the same network namespace. Rules of
    others are never touched. FilterError if that fails; then nothing has changed.
    """
    checked = [BridgeRules.of(r) for r in rules]
    if not checked:
        return lambda: None
    with _locked(), ExitStack() as undo:
        nftables = Nftables.find()
        variants = used(nftables, _families(checked))
        if nftables is None and not variants:
            variants = installed(nftables)[:1]
            if not variants:
                err = "neither libnftables.so.1 nor iptables-save is here; install libnftables1 or iptables"
                raise FilterError(what="filter rules of bridges", err=err)
        if variants:
            for variant in variants:
                undo.callback(variant.put(checked))
            if nftables is not None:
                undo.callback(nftables.drop([r.bridge for r in checked]))
        elif nftables is not None:
            undo.callback(nftables.put(checked))
        made = undo.pop_all()

    def restore() -> None:
        with _locked():
            made.close()

    return restore


def remove(rules: Sequence[RuleFields]) -> None:
    """Remove the rules of these bridges wherever they are; our table and chains go with the last bridge.

    Called when somebody explicitly removes a shared bridge, never by an unplug.
    """
    checked = [BridgeRules.of(r) for r in rules]
    with _locked():
        nftables = Nftables.find()
        if nftables is not None:
            nftables.drop([r.bridge for r in checked])
        for variant in installed(nftables):
            variant.drop(checked)


def describe(rules: RuleFields) -> list[str]:
    """The rules in the order in which they are asked, one a line, as they are in either backend."""
    checked = BridgeRules.of(rules)
    protocols = "IPv4 and IPv6" if checked.ipv6 else "IPv4"
    return [
        f"{protocols} forwarded from {rule.in_interface or 'any interface'} "
        f"to {rule.out_interface or 'any interface'}: {rule.action}"
        for rule in forward_rules(checked)
    ]


def _families(rules: Sequence[BridgeRules]) -> list[int]:
    return [4, 6] if any(r.ipv6 for r in rules) else [4]


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One writer of rules at a time, process or thread.

    Not one of locks.held(): the executor holds some of those while it calls us, and all bridges share a chain.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.file_lock("filters.lock"))
        except OSError as error:
            raise FilterError(what="lock of the filter rules", err=str(error)) from error
        yield
