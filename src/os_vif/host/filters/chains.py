"""The filter table of iptables as data: read from iptables-save, rearranged, and the difference as
iptables-restore input. Called by the iptables backend. No I/O.

The layout is that of nova-network and of every os-vif since (contract of the linux_bridge plugin):

    FORWARD, OUTPUT -> nova-filter-top -> <prefix>-local        all but <prefix>-FORWARD are empty:
    INPUT           -> <prefix>-INPUT                           operators may hang rules of their own there
    FORWARD         -> <prefix>-FORWARD                         the rules of the bridges
    OUTPUT          -> <prefix>-OUTPUT

The old layout's chains in the tables nat and mangle held rules of nova-network only. They are not made any
more (an empty nat table turns on connection tracking for all of the host's packets), nor touched where they
are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from os_vif.host.filters.rules import BridgeRules, Rule, forward_rules

BUILTIN = ("INPUT", "FORWARD", "OUTPUT")
TOP = "nova-filter-top"

_OURS = re.compile(r"(?:-i (\S+) )?(?:-o (\S+) )?-j (\S+)(?: --reject-with icmp6?-port-unreachable)?\Z")
_TARGET = re.compile(r"(?:^| )-[jg] (\S+)")


@dataclass(frozen=True, slots=True)
class SavedRule:
    """A rule as iptables-save prints it, without `-A CHAIN`; equal if the text is, whatever has been counted."""

    text: str
    counters: str = field(default="[0:0]", compare=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """policy: ACCEPT or DROP of a built-in chain, "-" of any other."""

    policy: str = "-"
    rules: tuple[SavedRule, ...] = ()


Chains = Mapping[str, Chain]


def parse(saved: str) -> dict[str, Chain]:
    """The chains of the filter table in the output of `iptables-save -c`."""
    chains: dict[str, Chain] = {}
    rules: dict[str, list[SavedRule]] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif table != "filter":
            continue
        elif line.startswith(":"):
            name, policy, _ = line[1:].split(" ", 2)
            chains[name], rules[name] = Chain(policy), []
        elif line.startswith("["):
            counters, _, name, *text = line.split(" ", 3)
            rules[name].append(SavedRule(text[0] if text else "", counters))
    return {name: replace(chain, rules=tuple(rules[name])) for name, chain in chains.items()}


def in_use(chains: Chains) -> bool:
    """Whether the table decides anything: it has a rule, a user chain, or a policy other than ACCEPT."""
    return any(chain.rules or chain.policy != "ACCEPT" for chain in chains.values())


def with_bridges(chains: Chains, wanted: Sequence[BridgeRules]) -> dict[str, Chain]:
    """The table with the rules of these bridges, complete and in order; what is right already stays as it is."""
    result = dict(chains)
    for rules in (_as_placed(chains, rules) for rules in wanted):
        _add_skeleton(
            result, rules, _matcher(r.top_regex for r in wanted), _matcher(r.bottom_regex for r in wanted)
        )
        name = f"{rules.prefix}-FORWARD"
        expected = forward_rules(rules)
        if [_decode(rule.text) for rule in block(result, name, rules.bridge)] != list(expected):
            _set_block(result, name, rules.bridge, [SavedRule(_encode(rule)) for rule in expected])
    return result


def without_bridges(chains: Chains, unwanted: Iterable[BridgeRules]) -> dict[str, Chain]:
    """The table without the rules of these bridges; the skeleton of a prefix goes with its last bridge."""
    result = dict(chains)
    for rules in (_as_placed(chains, rules) for rules in unwanted):
        name = f"{rules.prefix}-FORWARD"
        if name in result:
            _set_block(result, name, rules.bridge, [])
            if not result[name].rules:
                _remove_skeleton(result, rules.prefix)
    return result


def with_blocks_of(chains: Chains, before: Chains, changed: Iterable[BridgeRules]) -> dict[str, Chain]:
    """`chains`, with the rules of the bridges `changed` as they were in `before`: an undo after others wrote,
    too.
    """
    result = dict(chains)
    for rules in (_as_placed(chains, rules) for rules in changed):
        name = f"{rules.prefix}-FORWARD"
        old = block(before, name, rules.bridge)
        if old and name in result:
            _set_block(result, name, rules.bridge, old)
        elif name not in before:
            result = without_bridges(result, [rules])
        elif name in result:
            _set_block(result, name, rules.bridge, [])
    return result


def _as_placed(chains: Chains, rules: BridgeRules) -> BridgeRules:
    """With the prefix under which the bridge's rules stand already, if another program placed them.

    The service plugs as nova-compute, its operator checks as os-vif: both mean the same rules.
    """
    if block(chains, f"{rules.prefix}-FORWARD", rules.bridge):
        return rules
    for jump in chains.get("FORWARD", Chain()).rules:
        name = _target(jump) or ""
        if name.endswith("-FORWARD") and block(chains, name, rules.bridge):
            return replace(rules, prefix=name.removesuffix("-FORWARD"))
    return rules


def block(chains: Chains, name: str, bridge: str) -> list[SavedRule]:
    """The rules of one bridge in the wrapped FORWARD chain `name`."""
    rules = chains.get(name, Chain()).rules
    return [rules[index] for index in _owned(rules, bridge)]


def changes(before: Chains, after: Chains) -> list[str]:
    """What iptables-restore --noflush has to read to turn one table into the other.

    Rules of others are neither flushed nor written again, so what another program changes meanwhile is not
    lost.
    """
    made = [f"-N {name}" for name in after if name not in before and name not in BUILTIN]
    gone = [name for name in before if name not in after and name not in BUILTIN]
    edited = [name for name in dict.fromkeys((*before, *after)) if name not in gone]
    edits = [
        line
        for name in edited
        for line in _edits(name, before.get(name, Chain()).rules, after.get(name, Chain()).rules)
    ]
    return [*made, *edits, *(f"-F {name}" for name in gone), *(f"-X {name}" for name in gone)]


def _owned(rules: Sequence[SavedRule], bridge: str) -> list[int]:
    """Where the rules of `bridge` are in a wrapped FORWARD chain.

    A rule that names two bridges could be either's. But every bridge's rules end with those that have nothing
    but `-o <bridge>`, so what stands between two such ends belongs to the second one's bridge.
    """
    decoded = [_decode(rule.text) for rule in rules]
    found: list[int] = []
    start = 0
    for index, rule in enumerate(decoded):
        end = _end(rule)
        following = _end(decoded[index + 1]) if index + 1 < len(decoded) else None
        if end is not None and end != following:
            if end == bridge:
                block_ = ((i, decoded[i]) for i in range(start, index + 1))
                found += [
                    i for i, r in block_ if r is not None and bridge in (r.in_interface, r.out_interface)
                ]
            start = index + 1
    return found


def _end(rule: Rule | None) -> str | None:
    return rule.out_interface if rule is not None and rule.in_interface is None else None


def _set_block(chains: dict[str, Chain], name: str, bridge: str, rules: Sequence[SavedRule]) -> None:
    old = chains[name].rules
    owned = _owned(old, bridge)
    at = owned[0] if owned else len(old)
    kept = [(index, rule) for index, rule in enumerate(old) if index not in owned]
    head = [rule for index, rule in kept if index < at]
    tail = [rule for index, rule in kept if index >= at]
    chains[name] = replace(chains[name], rules=(*head, *rules, *tail))


def _encode(rule: Rule) -> str:
    parts = [("-i", rule.in_interface), ("-o", rule.out_interface), ("-j", rule.action)]
    return " ".join(f"{option} {value}" for option, value in parts if value is not None)


def _decode(text: str) -> Rule | None:
    match = _OURS.match(text)
    return Rule(match[1], match[2], match[3]) if match else None


def _jumps(prefix: str) -> dict[str, tuple[str, ...]]:
    """Which chains jump to which, from the built-in ones down."""
    return {
        "INPUT": (f"{prefix}-INPUT",),
        "FORWARD": (TOP, f"{prefix}-FORWARD"),
        "OUTPUT": (TOP, f"{prefix}-OUTPUT"),
        TOP: (f"{prefix}-local",),
    }


Matcher = Callable[[str, SavedRule], bool]


def _matcher(regexes: Iterable[str]) -> Matcher:
    patterns = [re.compile(regex) for regex in dict.fromkeys(regexes) if regex]
    return lambda chain, rule: any(p.search(f"{rule.counters} -A {chain} {rule.text}") for p in patterns)


def _add_skeleton(chains: dict[str, Chain], rules: BridgeRules, top: Matcher, bottom: Matcher) -> None:
    jumps = _jumps(rules.prefix)
    for name in dict.fromkeys((*BUILTIN, *(target for targets in jumps.values() for target in targets))):
        chains.setdefault(name, Chain("ACCEPT" if name in BUILTIN else "-"))
    for name, targets in jumps.items():
        ours = [SavedRule(f"-j {target}") for target in targets]
        present = chains[name].rules
        if all(rule in present for rule in ours) and (
            name != "FORWARD" or _in_order(chains, present, ours[-1], top, bottom)
        ):
            continue
        kept = {rule: rule for rule in present if rule in ours}  # with what they have counted
        others = [rule for rule in present if rule not in ours]
        first = [rule for rule in others if top(name, rule)]
        last = [rule for rule in others if bottom(name, rule) and not top(name, rule)]
        middle = [rule for rule in others if not top(name, rule) and not bottom(name, rule)]
        wanted = (*first, *(kept.get(rule, rule) for rule in ours), *middle, *last)
        chains[name] = replace(chains[name], rules=wanted)


def _in_order(
    chains: Chains, rules: Sequence[SavedRule], ours: SavedRule, top: Matcher, bottom: Matcher
) -> bool:
    """Whether our jump in FORWARD stands where nothing but what may stands before it.

    Neutron, Docker and others put jumps to their chains at the top each time they start. We do not race with
    them: a jump may stand before ours, a rule that decides may not, unless the operator's top_regex says so.
    """
    at = rules.index(ours)
    return not any(top("FORWARD", rule) for rule in rules[at + 1 :]) and all(
        top("FORWARD", rule) or (_target(rule) in chains and not bottom("FORWARD", rule))
        for rule in rules[:at]
    )


def _target(rule: SavedRule) -> str | None:
    match = _TARGET.search(rule.text)
    return match[1] if match else None


def _remove_skeleton(chains: dict[str, Chain], prefix: str) -> None:
    """Remove the wrapped chains, and the top chain, as far as nobody else put or points anything there."""
    jumps = _jumps(prefix)
    for name in (f"{prefix}-local", f"{prefix}-INPUT", f"{prefix}-OUTPUT", f"{prefix}-FORWARD", TOP):
        if name not in chains or chains[name].rules:
            continue
        users = [user for user, targets in jumps.items() if name in targets and user in chains]
        jump = SavedRule(f"-j {name}")
        trimmed = {u: replace(chains[u], rules=tuple(r for r in chains[u].rules if r != jump)) for u in users}
        if not any(_target(rule) == name for chain in (chains | trimmed).values() for rule in chain.rules):
            chains.update(trimmed)
            del chains[name]


def _edits(name: str, before: Sequence[SavedRule], after: Sequence[SavedRule]) -> Iterator[str]:
    """Deletions from the last to the first, then insertions from the first to the last."""
    if before == after:
        return
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    opcodes = SequenceMatcher(None, before[same:], after[same:], autojunk=False).get_opcodes()
    for tag, low, high, _, _ in reversed(opcodes):
        if tag in ("delete", "replace"):
            for index in reversed(range(same + low, same + high)):
                # by its text where that is unambiguous: its number may have been changed by another program
                unique = before.count(before[index]) == 1
                yield f"-D {name} {before[index].text if unique else index + 1}"
    for tag, _, _, low, high in opcodes:
        if tag in ("insert", "replace"):
            for index in range(same + low, same + high):
                yield f"{after[index].counters} -I {name} {index + 1} {after[index].text}"
