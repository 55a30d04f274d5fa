"""A host's topology as lines of text: each bridge with its ports below it, what differs marked with "!".

os_vif.cli.host prints it; os_vif.cli.svg says it in its description.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from os_vif.cli.output import shown
from os_vif.host.topology import Port, Switch, Topology


class Tone(enum.Enum):
    """How a piece of text is meant."""

    PLAIN = ""
    NAME = "1"
    FAINT = "2"  # not os-vif's
    FAULT = "31"


class Piece(NamedTuple):
    """Text of one tone; the numbers behind the tones are those of ANSI terminals (ECMA-48, SGR)."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Piece, ...]
_COLUMNS_MAX = (16, 34)  # of names and of what they are: wider ones push what follows to the right


def lines(topology: Topology, *, colours: bool = False) -> list[str]:
    """The drawing, line by line; colours: with escape sequences for a terminal."""
    return [_text(line, colours) for line in _lines(topology)]


def short_ids(vifs: Sequence[str]) -> Callable[[str], str]:
    """What calls VIFs by the beginning of their ids: eight characters, or as many more as tell them apart."""
    length = 8
    while len({vif[:length] for vif in vifs}) < len(set(vifs)):
        length += 1
    return lambda vif: f"VIF {vif[:length]}"


def what(port: Port) -> str:
    """What a port is and how it is, in a few words."""
    if port.missing:
        return f"{port.kind}, missing"
    words = [_NAMES.get(port.kind, port.kind)]
    if port.peer is not None:
        words[0] += f" to {port.peer_bridge or port.peer}"
    elif port.kind == "veth":
        words[0] += " to another namespace"
    elif port.remote is not None and port.kind not in _GUESTS:
        words[0] += f" to {port.remote}"
    if port.below is not None:
        words[0] += f" on {port.below}"
    if port.up is False:
        words.append("down")
    elif is_guests(port):
        words.append("guest connected" if port.carrier else "no guest")
    elif port.kind == "nic" and not port.carrier:
        words.append("no carrier")
    return ", ".join(words)


def is_guests(port: Port) -> bool:
    """Whether a guest is to be at its other end."""
    return port.kind in _GUESTS


def heading(bridge: Switch) -> str:
    """What a bridge is and how it is."""
    words = ["Linux bridge" if bridge.kind == "linux" else "Open vSwitch bridge"]
    if bridge.missing:
        return f"{words[0]}, missing"
    words += [bridge.datapath] if bridge.datapath else []
    words += ["down"] if bridge.up is False else []
    return ", ".join(words)


def verdict(topology: Topology, vif: str) -> str:
    """Whether a VIF is as planned, if that was looked at."""
    if vif not in topology.compared:
        return ""
    count = sum(fault.vif == vif for fault in topology.faults)
    return f"{count} {'difference' if count == 1 else 'differences'}" if count else "as planned"


_NAMES = {"nic": "NIC"}
_GUESTS = ("tap", "dpdkvhostuser", "dpdkvhostuserclient")


def _text(line: Line, colours: bool) -> str:
    if not colours:
        return "".join(piece.text for piece in line).rstrip()
    return "".join(
        f"\x1b[{piece.tone.value}m{piece.text}\x1b[0m"
        if piece.tone.value and piece.text.strip()
        else piece.text
        for piece in line
    )


def _lines(topology: Topology) -> Iterator[Line]:
    called = short_ids(topology.vifs())
    widths = _widths(topology)
    yield (Piece(shown(topology.host), Tone.NAME),)
    for bridge in topology.bridges:
        yield ()
        yield _heading(bridge, called, widths)
        yield from _addresses("│    ", bridge.addresses, bridge.is_marked)
        yield from _faults("│    ", topology.faults_of(bridge.name))
        yield from _ports(topology, bridge.ports, called, widths)
    if topology.others:
        yield ()
        yield (Piece("on no bridge", Tone.NAME),)
        yield from _ports(topology, topology.others, called, widths)
    yield from _legend(topology, called)


def _legend(topology: Topology, called: Callable[[str], str]) -> Iterator[Line]:
    vifs = topology.vifs()
    if vifs:
        yield ()
        yield (Piece("VIFs", Tone.NAME),)
    for vif in vifs:
        said = verdict(topology, vif)
        tone = Tone.FAULT if any(fault.vif == vif for fault in topology.faults) else Tone.PLAIN
        yield Piece(f"  {shown(vif)}  "), Piece(said, tone)
        for fault in topology.unplaced():
            if fault.vif == vif:
                yield from _faults("    ", [fault.text])


def _widths(topology: Topology) -> tuple[int, int]:
    names = [len(shown(port.name)) + 3 for port in topology.ports()]
    names += [len(shown(bridge.name)) for bridge in topology.bridges]
    words = [len(_words(port)) for port in topology.ports()] + [len(heading(b)) for b in topology.bridges]
    most = (_COLUMNS_MAX[0] + 3, _COLUMNS_MAX[1])
    return (
        max((n for n in names if n <= most[0]), default=0),
        max((n for n in words if n <= most[1]), default=0),
    )


def _words(port: Port) -> str:
    return shown(what(port)) + (f", tag {port.tag}" if port.tag is not None else "")


def _owner(owner: Port | Switch, called: Callable[[str], str]) -> str:
    if owner.vif is not None:
        return shown(called(owner.vif))
    return "shared" if owner.shared else ""


def _heading(bridge: Switch, called: Callable[[str], str], widths: tuple[int, int]) -> Line:
    tone = Tone.PLAIN if bridge.is_marked else Tone.FAINT
    return (
        Piece(shown(bridge.name).ljust(widths[0]), Tone.NAME if bridge.is_marked else Tone.FAINT),
        Piece("  " + heading(bridge).ljust(widths[1]), tone),
        Piece("  " + _owner(bridge, called), tone),
    )


def _ports(
    topology: Topology, ports: Sequence[Port], called: Callable[[str], str], widths: tuple[int, int]
) -> Iterator[Line]:
    for port in ports:
        last = port is ports[-1]
        tone = Tone.PLAIN if port.is_marked else Tone.FAINT
        name = shown(port.name).ljust(widths[0] - 3)
        yield (
            Piece("└─ " if last else "├─ ", Tone.FAINT),
            Piece(f"{name}  {_words(port).ljust(widths[1])}  {_owner(port, called)}", tone),
        )
        indent = "     " if last else "│    "
        yield from _addresses(indent, port.addresses, port.is_marked)
        faults = topology.faults_of(port.name)
        yield from _faults(indent, faults or ([port.error] if port.error is not None else []))


def _addresses(indent: str, addresses: Sequence[str], marked: bool) -> Iterator[Line]:
    for address in addresses:
        yield Piece(indent, Tone.FAINT), Piece(shown(address), Tone.PLAIN if marked else Tone.FAINT)


def _faults(indent: str, faults: Sequence[str]) -> Iterator[Line]:
    for fault in faults:
        yield Piece(indent, Tone.FAINT), Piece(f"! {shown(fault)}", Tone.FAULT)
