"""What the filter rules of a bridge are, before any backend: the input, its checks, and the rules it stands
for.

Called by the two backends (nftables, iptables) and by the functions of os_vif.host.filters. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from os_vif.exception import ExceptionBase
from os_vif.host.plan import link_name_fault

PREFIX_MAX = 16  # leaves room for "-FORWARD" and its like in the 28 characters of an iptables chain name
ACTION_MAX = 28  # XT_EXTENSION_MAXNAMELEN - 1, uapi/linux/netfilter/x_tables.h

# "+" and "*" at the end of a name are wildcards of iptables and nftables, "@" at its start names a set of
# nftables; "!", quotes and backslashes have a meaning in what iptables-restore reads.
_INTERFACE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@=~-]*\Z")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")

Undo = Callable[[], None]


class FilterError(ExceptionBase):
    """The filter rules could not be read or placed: what was tried, and the tool's or kernel's own words."""

    msg_fmt = "%(what)s: %(err)s"


class RuleFields(Protocol):
    """Anything that carries the fields of BridgeRules, such as os_vif.host.plan.FilterRules."""

    @property
    def bridge(self) -> str: ...
    @property
    def gateway(self) -> bool: ...
    @property
    def prefix(self) -> str: ...
    @property
    def forward_interfaces(self) -> tuple[str, ...]: ...
    @property
    def drop_action(self) -> str: ...
    @property
    def ipv6(self) -> bool: ...
    @property
    def top_regex(self) -> str: ...
    @property
    def bottom_regex(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRules:
    """The filter rules one bridge needs; every field is checked, FilterError names the one that is wrong.

    bridge: its name. gateway: whether the bridge may forward at all. forward_interfaces: to and from which
    interfaces ("all": any; empty names are skipped). drop_action: DROP, REJECT, or with iptables a chain of
    the operator's. ipv6: whether the rules hold for IPv6 too; if not, IPv6 is not filtered. top_regex,
    bottom_regex: rules of others in iptables' FORWARD chain that are kept before, or after, all others.
    prefix: what the names of the iptables chains start with, cut to 16 characters.
    """

    bridge: str
    gateway: bool
    forward_interfaces: tuple[str, ...] = ("all",)
    drop_action: str = "DROP"
    ipv6: bool = False
    top_regex: str = ""
    bottom_regex: str = ""
    prefix: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", self.prefix[:PREFIX_MAX])
        object.__setattr__(self, "forward_interfaces", tuple(self.forward_interfaces))
        _check("bridge", self.bridge, _interface_fault(self.bridge))
        for name in self.forward_interfaces:
            if name and name != "all":
                _check("forward_interfaces", name, _interface_fault(name))
        if len(self.drop_action) > ACTION_MAX or not _WORD.match(self.drop_action):
            _check("drop_action", self.drop_action, "must be one word, such as DROP or REJECT")
        if not _WORD.match(self.prefix):
            _check("prefix", self.prefix, "may hold letters, digits, '_', '.' and '-' only")
        for field in ("top_regex", "bottom_regex"):
            try:
                re.compile(getattr(self, field))
            except re.error as error:
                _check(field, getattr(self, field), f"is no regular expression: {error}")

    @classmethod
    def of(cls, rules: RuleFields) -> BridgeRules:
        """The checked form of anything that carries the same fields."""
        if isinstance(rules, cls):
            return rules
        return cls(
            bridge=rules.bridge,
            gateway=rules.gateway,
            forward_interfaces=rules.forward_interfaces,
            drop_action=rules.drop_action,
            ipv6=rules.ipv6,
            top_regex=rules.top_regex,
            bottom_regex=rules.bottom_regex,
            prefix=rules.prefix,
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on forwarded packets: where they come from, where they go to (None: anywhere), what happens."""

    in_interface: str | None
    out_interface: str | None
    action: str


def forward_rules(rules: BridgeRules) -> tuple[Rule, ...]:
    """The rules of one bridge, in their order; the first that matches a packet decides.

    The last rule of a gateway bridge decides nothing that is left undecided. It stands there because older
    releases wrote it: hosts that have their rules are recognised, and not written again.
    """
    bridge, drop = rules.bridge, rules.drop_action
    drop_out = Rule(None, bridge, drop)
    if not rules.gateway:
        return Rule(bridge, None, drop), drop_out
    if "all" in rules.forward_interfaces:
        return Rule(bridge, None, "ACCEPT"), Rule(None, bridge, "ACCEPT"), drop_out
    explicit = [
        rule
        for interface in dict.fromkeys(filter(None, rules.forward_interfaces))
        for rule in (Rule(bridge, interface, "ACCEPT"), Rule(interface, bridge, "ACCEPT"))
    ]
    return *explicit, Rule(bridge, bridge, "ACCEPT"), Rule(bridge, None, drop), drop_out, drop_out


def _interface_fault(name: str) -> str | None:
    fault = link_name_fault(name)
    if fault is None and not _INTERFACE.match(name):
        fault = "has characters that mean something to iptables or nftables"
    return fault


def _check(field: str, value: str, fault: str | None) -> None:
    if fault:
        raise FilterError(what=f"filter rules, {field} {value!r}", err=fault)
