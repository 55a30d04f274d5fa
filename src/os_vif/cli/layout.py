"""Where things stand in the picture of a host: sizes and places, from the topology alone.

os_vif.cli.svg draws it. Bridges that are connected with each other are a group, a band of the picture; within it they
stand in columns, the one with the way out at the right, each other one as many columns to its left as there are
connections between. A bridge is a box with its ports as rows; guests are at its left, what is outside the host at its
right, and connections run in the gaps between the columns. All numbers are pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from os_vif.cli.output import shown
from os_vif.cli.tree import is_guests
from os_vif.host.topology import Port, Switch, Topology

MARGIN, PAD, STUB = 24, 12, 14
LEGEND_LINE = 18
CHAR, SMALL = (
    7.23,
    6.63,
)  # widths of a character at 12 and 11 pixels: 0.6025 em, the widest of the fonts named
_ROW, _HEAD, _LINE = 26, 44, 15
_GAP, _LANE = 28, 10  # between boxes of a column and bands; between connections that run side by side
_BETWEEN = 16  # between the texts of a row

RowTexts = Callable[[Port], tuple[str, str, str]]


@dataclass(slots=True)
class Row:
    """A port in a box; guest: what stands for its guest; outside: lines on where it leads out of this host."""

    port: Port
    faults: list[str]
    guest: str | None
    outside: list[str] | None
    y: int = 0

    @property
    def height(self) -> int:
        lines = max(len(self.faults), len(self.outside or ()) - 1)
        return _ROW + _LINE * lines

    @property
    def middle(self) -> int:
        return self.y + _ROW // 2


@dataclass(slots=True)
class Box:
    """A bridge, or with switch None the links on no bridge; kind_at, tag_at, owner_at: where a row's texts begin."""

    switch: Switch | None
    rows: list[Row]
    faults: list[str]
    x: int = 0
    y: int = 0
    width: int = 0
    kind_at: int = 0
    tag_at: int = 0
    owner_at: int = 0

    @property
    def name(self) -> str:
        return self.switch.name if self.switch is not None else ""

    @property
    def head(self) -> int:
        if self.switch is None:
            return _ROW
        return _HEAD + _LINE * (len(heading(self.switch)) - 1 + len(self.faults))

    @property
    def height(self) -> int:
        return self.head + sum(row.height for row in self.rows) + (0 if self.rows else 4)

    @property
    def left(self) -> int:
        """What its guests take at its left."""
        widest = max((len(row.guest) for row in self.rows if row.guest is not None), default=None)
        return 0 if widest is None else STUB + 18 + _text(widest, SMALL)

    @property
    def right(self) -> int:
        widest = max((len(line) for row in self.rows for line in row.outside or ()), default=None)
        return 0 if widest is None else STUB + 8 + _text(widest, SMALL)

    def place(self, x: int, y: int) -> None:
        self.x, self.y = x, y
        y += self.head
        for row in self.rows:
            row.y = y
            y += row.height


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection of two bridges, from `port` to its peer."""

    port: Port
    points: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Arrangement:
    width: int = 0
    height: int = 0
    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)


def arranged(topology: Topology, row_texts: RowTexts) -> Arrangement:
    """Give everything its place; row_texts: what a port's row says beside its name."""
    boxes = [_box(topology, bridge, bridge.ports, row_texts) for bridge in topology.bridges]
    plan = Arrangement(width=2 * MARGIN + _text(len(shown(topology.host)), CHAR), height=MARGIN + 36)
    for group in _groups(boxes):
        columns = _columns(group)
        _place(columns, plan.height)
        plan.wires += _wires(columns)
        plan.boxes += group
        plan.height = max(box.y + box.height for box in group) + _GAP
    if topology.others:
        alone = _box(topology, None, topology.others, row_texts)
        alone.place(MARGIN + alone.left, plan.height)
        plan.boxes.append(alone)
        plan.height += alone.height + _GAP
    plan.width = max([plan.width, 480, *(box.x + box.width + box.right + MARGIN for box in plan.boxes)])
    return plan


def heading(bridge: Switch) -> list[str]:
    """The lines below a bridge's name."""
    first = "Linux bridge" if bridge.kind == "linux" else "Open vSwitch"
    words = [
        first,
        *([bridge.datapath] if bridge.datapath else []),
        *(["down"] if bridge.up is False else []),
    ]
    words += ["missing"] if bridge.missing else []
    return [" · ".join(words), *bridge.addresses]


# --- boxes --------------------------------------------------------------------------------------------------------


def _text(characters: int, width: float) -> int:
    return round(characters * width + 0.5)


def _box(topology: Topology, switch: Switch | None, ports: Sequence[Port], row_texts: RowTexts) -> Box:
    box = Box(
        switch,
        [_row(topology, port) for port in sorted(ports, key=_rank)],
        topology.faults_of(switch.name) if switch is not None else [],
    )
    texts = [row_texts(row.port) for row in box.rows]
    names = [_text(len(shown(row.port.name)), CHAR) for row in box.rows]
    box.kind_at = PAD + max(names, default=0) + _BETWEEN
    at = box.kind_at + _widest(text[0] for text in texts)
    box.tag_at = at + _BETWEEN
    at = max(at, box.tag_at + _widest(text[1] for text in texts)) if any(text[1] for text in texts) else at
    # the pill of the bridge itself stands in the same place as those of its rows
    title = PAD + _text(len(shown(box.name)), CHAR)
    box.owner_at = max(at, title) + _BETWEEN
    pill = 9 + max(_widest(text[2] for text in texts), _text(len("VIF 12345678"), SMALL))
    lines = [*(heading(switch) if switch is not None else ()), *(f"! {text}" for text in box.faults)]
    lines += [f"! {text}" for row in box.rows for text in row.faults]
    box.width = max(box.owner_at + pill, PAD + _widest(lines)) + PAD
    return box


def _widest(texts: Iterable[str]) -> int:
    return max((_text(len(shown(text)), SMALL) for text in texts if text), default=0)


def _row(topology: Topology, port: Port) -> Row:
    faults = topology.faults_of(port.name) or ([port.error] if port.error is not None else [])
    guest = None
    if is_guests(port) and not port.missing:
        guest = "guest" if port.carrier else "no guest"
    return Row(port, faults, guest, _outside(port))


def _outside(port: Port) -> list[str] | None:
    if port.kind == "nic":
        words = ["network" if port.carrier else "no carrier"]
    elif port.kind == "veth" and port.peer is None and not port.missing:
        words = ["another namespace"]
    elif port.remote is not None and not is_guests(port):
        words = [f"to {port.remote}"]
    else:
        words = []
    lines = [*words, *port.addresses]
    return lines or None


def _rank(port: Port) -> tuple[int, str]:
    """Guests first, then what leads to other bridges, then the rest, and ways out of the host last."""
    if is_guests(port):
        return 0, port.name
    if port.peer_bridge is not None:
        return 1, port.name
    return (3 if _outside(port) else 2), port.name


# --- columns ------------------------------------------------------------------------------------------------------


def _neighbours(boxes: Iterable[Box]) -> dict[str, list[str]]:
    boxes = list(boxes)
    names = {box.name for box in boxes}
    return {
        box.name: [
            row.port.peer_bridge
            for row in box.rows
            if row.port.peer_bridge in names and row.port.peer_bridge not in (None, box.name)
        ]
        for box in boxes
    }


def _groups(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes that are connected, those with more bridges first."""
    neighbours = _neighbours(boxes)
    groups: list[list[Box]] = []
    left = {box.name: box for box in boxes}
    while left:
        reached = _distances([next(iter(left))], neighbours)
        groups.append([left.pop(name) for name in sorted(reached)])
    return sorted(groups, key=lambda group: (-len(group), group[0].name))


def _distances(start: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many connections away each bridge is from the nearest of `start`."""
    reached = dict.fromkeys(start, 0)
    edge = list(start)
    while edge:
        here = edge.pop(0)
        for name in neighbours[here]:
            if name not in reached:
                reached[name] = reached[here] + 1
                edge.append(name)
    return reached


def _columns(group: Sequence[Box]) -> list[list[Box]]:
    """From left to right; the order within a column is that of what it is connected to in the column to its right."""
    neighbours = _neighbours(group)
    hub = max(group, key=lambda box: (len(neighbours[box.name]), box.name))
    nics = [box.name for box in group if any(row.port.kind == "nic" for row in box.rows)]
    # a namespace stands for the network in tests and demonstrations
    outlets = [box.name for box in group if not _is_used(box) and any(row.outside for row in box.rows)]
    away = _distances(nics or outlets or [hub.name], neighbours)
    far = max(away.values())
    columns: list[list[Box]] = [[] for _ in range(far + 1)]
    for box in group:
        columns[far - away[box.name]].append(box)
    for left, right in zip(reversed(columns[:-1]), reversed(columns[1:]), strict=True):
        places = {row.port.name: n for n, row in enumerate(row for box in right for row in box.rows)}
        left.sort(
            key=lambda box: min((places.get(row.port.peer or "", 10**6) for row in box.rows), default=0)
        )
    return columns


def _is_used(box: Box) -> bool:
    """Whether it has guests, or VIFs."""
    marked = box.switch is not None and box.switch.is_marked
    return marked or any(is_guests(row.port) for row in box.rows)


def _place(columns: Sequence[Sequence[Box]], top: int) -> None:
    """Widths of columns from the left, heights from the right: a box stands level with what it is connected to."""
    x = MARGIN
    starts: list[int] = []
    for n, column in enumerate(columns):
        x += max(box.left for box in column)
        starts.append(x)
        lanes = sum(1 for box in column for row in box.rows if row.port.peer_bridge is not None)
        x += max(box.width + box.right for box in column) + _GAP + _LANE * lanes
        if n + 1 == len(columns):
            break
    level: dict[str, int] = {}
    for column, start in zip(reversed(columns), reversed(starts), strict=True):
        y: int | None = None
        for box in column:
            box.place(start, 0)
            wanted = [level[row.port.peer or ""] - row.middle for row in box.rows if row.port.peer in level]
            first = wanted[0] if wanted else 0
            box.place(start, first if y is None else max(y, first))
            y = box.y + box.height + _GAP
        level |= {row.port.name: row.middle for box in column for row in box.rows}
    down = top - min(box.y for column in columns for box in column)
    for column in columns:
        for box in column:
            box.place(box.x, box.y + down)


def _wires(columns: Sequence[Sequence[Box]]) -> list[Wire]:
    """From the right side of a row to the left side of one in the next column, or around to one in the same."""
    where = {
        row.port.name: (n, box, row) for n, column in enumerate(columns) for box in column for row in box.rows
    }
    wires: list[Wire] = []
    for n, column in enumerate(columns):
        edge = max(box.x + box.width + box.right for box in column)
        lane = 0
        for box in column:
            for row in box.rows:
                end = where.get(row.port.peer or "")
                if row.port.peer_bridge is None or end is None or end[0] < n:
                    continue
                far, other, peer = end
                if far == n and (peer.y, peer.port.name) <= (row.y, row.port.name):
                    continue  # drawn once, from the upper end
                start = (box.x + box.width, row.middle)
                if far > n and row.middle == peer.middle:
                    wires.append(Wire(row.port, (start, (other.x, peer.middle))))
                    continue
                lane += 1
                x = edge + _LANE * lane
                stop = (other.x if far > n else other.x + other.width, peer.middle)
                wires.append(Wire(row.port, (start, (x, row.middle), (x, peer.middle), stop)))
    return wires
