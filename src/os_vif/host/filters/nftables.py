"""The rules of bridges in a table of our own, `inet os_vif`, on hosts whose filtering is not iptables'.

Called by os_vif.host.filters. Every rule carries the comment `os-vif:<bridge>`, which is how it is found
again. Everything one call changes is one transaction.

Family `inet`, not `bridge`: its forward hook sees what iptables' FORWARD chain saw, that is what the host
routes and, with br_netfilter, also what stays inside a bridge, there with the bridge as its input and output
interface. The `bridge` family would filter frames between two ports of a bridge even where the operator has
br_netfilter off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from os_vif.host.filters.libnftables import JSON, Library, NftError
from os_vif.host.filters.rules import BridgeRules, FilterError, Rule, Undo, forward_rules

TABLE = "os_vif"
CHAIN = "forward"
_MARK = "os-vif:"
_IN_TABLE: JSON = {"family": "inet", "table": TABLE}
_IN_CHAIN: JSON = _IN_TABLE | {"chain": CHAIN}
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject"}

Expressions = list[JSON]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rule as it is in the kernel; `bridge` is None if it is not one of ours."""

    handle: int
    bridge: str | None
    expressions: Expressions


@dataclass(frozen=True, slots=True)
class _Table:
    """Our table: whether its chain is there, what else is in it, and the rules of the chain in their order."""

    has_chain: bool
    has_more: bool
    rules: Sequence[_Placed]

    def block(self, bridge: str) -> list[_Placed]:
        return [rule for rule in self.rules if rule.bridge == bridge]


@dataclass(frozen=True, slots=True)
class _Block:
    """The rules a bridge is to have, and the handle of the rule they stand before (None: at the end)."""

    rules: Sequence[Expressions]
    before: int | None = None


class Nftables:
    """The nftables of the calling thread's network namespace."""

    def __init__(self, library: Library) -> None:
        self._library = library

    @classmethod
    def find(cls) -> Nftables | None:
        """The host's nftables, None if libnftables is not installed or the kernel does not have it."""
        try:
            return cls(Library())
        except OSError:
            return None

    def holds(self, rules: Sequence[BridgeRules]) -> bool:
        """Whether the rules of all these bridges are there, complete and in order."""
        table = self._read()
        return table is not None and table.has_chain and all(_is_right(table, r) for r in rules)

    def put(self, rules: Sequence[BridgeRules]) -> Undo:
        """Make the rules be there in one transaction; those of a bridge that differ are replaced in place."""
        table = self._read()
        wrong = {r.bridge: _Block(_encode(r)) for r in rules if table is None or not _is_right(table, r)}
        return self._replace(table, wrong, keep=False)

    def drop(self, bridges: Iterable[str]) -> Undo:
        """Remove the rules of these bridges, and the table with the last of all."""
        return self._replace(self._read(), {bridge: _Block(()) for bridge in bridges}, keep=False)

    def filter_chains(self, family: str) -> set[str]:
        """The chains of table `filter` of family `ip` or `ip6`, which is where iptables-nft has its own."""
        chains = (cast(JSON, o["chain"]) for o in self._query(f"list chains {family}") or () if "chain" in o)
        return {str(chain["name"]) for chain in chains if chain["table"] == "filter"}

    def delete_chain(self, family: str, chain: str) -> None:
        """Delete a chain of table `filter` if it is empty; the kernel keeps one that is not."""
        try:
            self._library.batch([{"delete": {"chain": {"family": family, "table": "filter", "name": chain}}}])
        except NftError as error:
            if "busy" not in str(error):
                raise FilterError(what=f"nftables, removing chain {chain}", err=str(error)) from error

    def _query(self, command: str) -> list[JSON] | None:
        try:
            return self._library.query(command)
        except NftError as error:
            raise FilterError(what=f"nftables, {command}", err=str(error)) from error

    def _read(self) -> _Table | None:
        objects = self._query(f"list table inet {TABLE}")
        if objects is None:
            return None
        rules: list[_Placed] = []
        has_chain = has_more = False
        for kind, value in ((kind, cast(JSON, value)) for o in objects for kind, value in o.items()):
            if kind == "chain" and value["name"] == CHAIN:
                has_chain = True
                if value.get("hook") != "forward" or value.get("type") != "filter":
                    err = (
                        f"chain {CHAIN} of table inet {TABLE} does not hook into forward; rename or remove it"
                    )
                    raise FilterError(what="nftables", err=err)
            elif kind == "rule" and value["chain"] == CHAIN:
                comment = str(value.get("comment", ""))
                bridge = comment.removeprefix(_MARK) if comment.startswith(_MARK) else None
                rules.append(_Placed(cast(int, value["handle"]), bridge, cast("list[JSON]", value["expr"])))
            elif kind not in ("metainfo", "table"):
                has_more = True
        return _Table(has_chain, has_more, rules)

    def _replace(self, table: _Table | None, blocks: Mapping[str, _Block], *, keep: bool) -> Undo:
        """Make `blocks` be the rules of their bridges; an empty table is removed unless it is to be kept."""
        old = table or _Table(has_chain=False, has_more=False, rules=())
        changed = {b: block for b, block in blocks.items() if block.rules or old.block(b)}
        if not changed:
            return lambda: None
        left = any(rule.bridge not in changed for rule in old.rules) or old.has_more or keep
        if left or any(block.rules for block in changed.values()):
            commands = _skeleton(table) + [c for b, block in changed.items() for c in _moves(old, b, block)]
        else:
            commands = [{"delete": {"table": {"family": "inet", "name": TABLE}}}]
        try:
            self._library.batch(commands)
        except NftError as error:
            raise FilterError(what=f"nftables, rules of {', '.join(changed)}", err=str(error)) from error
        before = _blocks(old, changed)

        def undo() -> None:
            self._replace(self._read(), before, keep=table is not None)

        return undo


def _blocks(table: _Table, bridges: Iterable[str]) -> dict[str, _Block]:
    """The rules these bridges have, in the order of the table, each with the next rule that stays."""
    found: dict[str, _Block] = {}
    for bridge in dict.fromkeys(rule.bridge for rule in table.rules):
        if bridge is not None and bridge in set(bridges):
            block = table.block(bridge)
            behind = table.rules[table.rules.index(block[-1]) + 1 :]
            anchor = next((rule.handle for rule in behind if rule.bridge not in set(bridges)), None)
            found[bridge] = _Block([rule.expressions for rule in block], anchor)
    return {bridge: found.get(bridge, _Block(())) for bridge in (*found, *bridges)}


def _skeleton(table: _Table | None) -> list[JSON]:
    commands: list[JSON] = []
    if table is None:
        commands.append({"add": {"table": {"family": "inet", "name": TABLE}}})
    if table is None or not table.has_chain:
        hook: JSON = {"name": CHAIN, "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
        commands.append({"add": {"chain": _IN_TABLE | hook}})
    return commands


def _moves(table: _Table, bridge: str, block: _Block) -> list[JSON]:
    """The commands that put `block` where the bridge's rules are, else before its anchor, else at the end."""
    present = table.block(bridge)
    anchor = present[0].handle if present else block.before
    if anchor not in {rule.handle for rule in table.rules}:
        anchor = None
    commands: list[JSON] = []
    for expressions in block.rules:
        rule: JSON = _IN_CHAIN | {"comment": _MARK + bridge, "expr": expressions}
        commands.append(
            {"add": {"rule": rule}} if anchor is None else {"insert": {"rule": rule | {"handle": anchor}}}
        )
    commands += [{"delete": {"rule": _IN_CHAIN | {"handle": rule.handle}}} for rule in present]
    return commands


def _is_right(table: _Table, rules: BridgeRules) -> bool:
    wanted = [(rule, not rules.ipv6) for rule in forward_rules(rules)]
    return [_decode(rule.expressions) for rule in table.block(rules.bridge)] == wanted


def _encode(rules: BridgeRules) -> list[Expressions]:
    encoded: list[Expressions] = []
    for rule in forward_rules(rules):
        verdict = _VERDICTS.get(rule.action)
        if verdict is None:
            err = "nftables knows DROP and REJECT; a chain of iptables can be used where iptables is in use"
            raise FilterError(what=f"drop action {rule.action!r} of bridge {rules.bridge}", err=err)
        expressions: Expressions = [] if rules.ipv6 else [_match("nfproto", "ipv4")]
        if rule.in_interface is not None:
            expressions.append(_match("iifname", rule.in_interface))
        if rule.out_interface is not None:
            expressions.append(_match("oifname", rule.out_interface))
        encoded.append([*expressions, {"counter": None}, {verdict: None}])
    return encoded


def _match(key: str, value: str) -> JSON:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": value}}


def _decode(expressions: Expressions) -> tuple[Rule, bool] | None:
    """The rule and whether it is for IPv4 alone; None if it is not one that _encode makes."""
    found: dict[str, str] = {}
    for expression in expressions:
        for kind, value in expression.items():
            if kind == "match":
                key = next((k for k in ("nfproto", "iifname", "oifname") if _is_match(expression, k)), None)
                if key is None or key in found:
                    return None
                found[key] = str(cast(JSON, value)["right"])
            elif kind in _VERDICTS.values():
                found["action"] = kind.upper()
            elif kind != "counter":
                return None
    if "action" not in found or found.get("nfproto", "ipv4") != "ipv4":
        return None
    return Rule(found.get("iifname"), found.get("oifname"), found["action"]), "nfproto" in found


def _is_match(expression: JSON, key: str) -> bool:
    right = cast(JSON, expression["match"])["right"]
    return isinstance(right, str) and expression == _match(key, right)
