"""A host's topology as an SVG picture: for documentation, tickets and screens, made without any library.

os_vif.cli.host writes it. The layout (os_vif.cli.layout) depends on the topology alone: the same host gives the same
file. The picture brings its own ground and follows the reader's light or dark scheme; its description is the text
drawing, for those who cannot see it, and every object says in a title what there was no room for.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from os_vif.cli import layout, tree
from os_vif.cli.layout import Box, Row
from os_vif.cli.output import shown
from os_vif.host.topology import Port, Switch, Topology

# Light first; readers without media queries stay with it. Hues of VIFs: told apart with all kinds of colour vision,
# and never the only sign, the id stands beside them (Okabe and Ito, "Color Universal Design", 2008).
_STYLE = """
  text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328; white-space: pre }
  .ground { fill: #ffffff } .box { fill: #f6f8fa; stroke: #8c959f } .head { fill: #e4e9ef }
  .name { font-weight: bold } .small, .faint, .chip { font-size: 11px }
  .small, .chip { fill: #57606a } .faint { fill: #818b96 }
  .line { stroke: #d0d7de } .wire { stroke: #57606a; stroke-width: 1.5; fill: none } .unmarked { stroke: #afb8c1 }
  .on { fill: #1a7f37; stroke: #1a7f37 } .off { fill: none; stroke: #818b96 } .stub { stroke: #8c959f }
  .fault { fill: #cf222e } .bad { fill: none; stroke: #cf222e; stroke-dasharray: 4 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .ground { fill: #0d1117 } .box { fill: #161b22; stroke: #6e7681 } .head { fill: #242b34 }
    .small, .chip { fill: #9ea7b3 } .faint { fill: #7d8590 } .line { stroke: #30363d }
    .wire { stroke: #9ea7b3 } .unmarked { stroke: #545d68 } .on { fill: #3fb950; stroke: #3fb950 }
    .off { stroke: #7d8590 } .stub { stroke: #6e7681 } .fault { fill: #ff7b72 } .bad { stroke: #ff7b72 }
  }"""
_HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fdf", "#7f7f00")


def drawing(topology: Topology) -> str:
    """The picture of a host, a complete SVG 1.1 document."""
    return "\n".join(_Drawing(topology).parts())


class _Drawing:
    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._vifs = topology.vifs()
        self._called = tree.short_ids(self._vifs)
        self._plan = layout.arranged(topology, self._row_texts)

    def parts(self) -> Iterator[str]:
        plan = self._plan
        legend = plan.height - layout.MARGIN
        height = plan.height + len(self._vifs) * layout.LEGEND_LINE
        title = f"Network of {shown(self._topology.host)}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{plan.width}" height="{height}" '
            f'viewBox="0 0 {plan.width} {height}" role="img" aria-labelledby="title description">'
        )
        yield f'<title id="title">{_xml(title)}</title>'
        yield f'<desc id="description">{_xml(chr(10).join(tree.lines(self._topology)))}</desc>'
        yield f"<style>{_STYLE}</style>"
        yield f'<rect class="ground" width="{plan.width}" height="{height}" rx="8"/>'
        yield _label(layout.MARGIN, layout.MARGIN + 12, self._topology.host, "name")
        for wire in plan.wires:
            vif = wire.port.vif
            style = f' style="stroke: {self._hue(vif)}"' if vif is not None else ""
            unmarked = "" if wire.port.is_marked else " unmarked"
            path = " ".join(f"{'L' if n else 'M'}{x} {y}" for n, (x, y) in enumerate(wire.points))
            yield f'<path class="wire{unmarked}"{style} d="{path}">{_title(self._said_wire(wire.port))}</path>'
        for box in plan.boxes:
            yield from self._box(box)
        yield from self._legend(legend)
        yield "</svg>"

    def _row_texts(self, port: Port) -> tuple[str, str, str]:
        """What stands in a row beside the name: what it is, its VLAN, whose it is."""
        tag = f"tag {port.tag}" if port.tag is not None else ""
        kind = f"{port.kind}, missing" if port.missing else port.kind
        return kind, tag, self._owner(port)

    def _owner(self, owner: Port | Switch) -> str:
        if owner.vif is not None:
            return self._called(owner.vif)
        return "shared" if owner.shared else ""

    def _box(self, box: Box) -> Iterator[str]:
        switch = box.switch
        yield "<g>"
        yield f'<rect class="box" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'
        if switch is None:
            yield _label(box.x + layout.PAD, box.y + 18, "on no bridge", "small")
        else:
            yield _title(f"{switch.name}: {tree.heading(switch)}{_whose(switch)}")
            inner = f'x="{box.x + 1}" y="{box.y + 1}" width="{box.width - 2}"'
            yield f'<rect class="head" {inner} height="{box.head - 1}" rx="5"/>'
            if switch.missing:
                yield f'<rect class="bad" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'
            yield _label(box.x + layout.PAD, box.y + 18, switch.name, "name" if switch.is_marked else "small")
            yield from self._pill(box, box.y + 14, switch)
            for n, text in enumerate(layout.heading(switch)):
                yield _label(box.x + layout.PAD, box.y + 34 + 15 * n, text, "small")
            for n, text in enumerate(box.faults):
                y = box.y + box.head - 8 - 15 * (len(box.faults) - 1 - n)
                yield _label(box.x + layout.PAD, y, f"! {text}", "small fault")
        for row in box.rows:
            yield from self._row(box, row)
        yield "</g>"

    def _row(self, box: Box, row: Row) -> Iterator[str]:
        port = row.port
        kind, tag, _ = self._row_texts(port)
        yield f"<g>{_title(_said(port))}"
        if row is not box.rows[0] or box.switch is None:
            yield f'<path class="line" d="M{box.x + 1} {row.y}H{box.x + box.width - 1}"/>'
        if port.missing:
            yield (
                f'<rect class="bad" x="{box.x + 4}" y="{row.y + 3}" width="{box.width - 8}" '
                f'height="{row.height - 6}" rx="4"/>'
            )
        base = row.middle + 4
        yield _label(box.x + layout.PAD, base, port.name, "" if port.is_marked else "faint")
        yield _label(box.x + box.kind_at, base, kind, "small" if port.is_marked else "faint")
        yield _label(box.x + box.tag_at, base, tag, "small" if port.is_marked else "faint")
        yield from self._pill(box, row.middle, port)
        for n, text in enumerate(row.faults):
            yield _label(box.x + layout.PAD, base + 15 * (n + 1), f"! {text}", "small fault")
        if row.guest is not None:
            yield from _guest(box.x, row, bool(port.carrier))
        if row.outside is not None:
            x = box.x + box.width
            yield f'<path class="stub" d="M{x} {row.middle}h{layout.STUB}"/>'
            for n, text in enumerate(row.outside):
                yield _label(x + layout.STUB + 6, base + 14 * n, text, "chip")
        yield "</g>"

    def _pill(self, box: Box, middle: int, owner: Port | Switch) -> Iterator[str]:
        """Whose it is, at the right end of a row, with the VIF's hue."""
        text = self._owner(owner)
        if not text:
            return
        x = box.x + box.owner_at
        if owner.vif is not None:
            yield f'<rect x="{x}" y="{middle - 6}" width="4" height="12" rx="2" fill="{self._hue(owner.vif)}"/>'
        yield _label(x + 9, middle + 4, text, "small")

    def _hue(self, vif: str) -> str:
        return _HUES[self._vifs.index(vif) % len(_HUES)]

    def _legend(self, y: int) -> Iterator[str]:
        for n, vif in enumerate(self._vifs, 1):
            middle = y + n * layout.LEGEND_LINE
            yield (
                f'<rect x="{layout.MARGIN}" y="{middle - 6}" width="4" height="12" rx="2" fill="{self._hue(vif)}"/>'
            )
            yield _label(layout.MARGIN + 12, middle + 4, f"VIF {vif}", "small")
            said = tree.verdict(self._topology, vif)
            other = [fault.text for fault in self._topology.unplaced() if fault.vif == vif]
            if said:
                differs = any(fault.vif == vif for fault in self._topology.faults)
                words = ": ".join([said, *(["; ".join(other)] if other else [])])
                x = layout.MARGIN + 12 + round(layout.SMALL * (len(vif) + 7))
                yield _label(x, middle + 4, words, "small fault" if differs else "small")

    def _said_wire(self, port: Port) -> str:
        return f"{port.name} in {port.bridge} to {port.peer} in {port.peer_bridge} ({port.kind})"


def _guest(x: int, row: Row, connected: bool) -> Iterator[str]:
    """The guest's end, left of the box: a dot that is filled when somebody has it open."""
    end = x - layout.STUB
    yield f'<path class="stub" d="M{end} {row.middle}h{layout.STUB}"/>'
    yield f'<circle class="{"on" if connected else "off"}" cx="{end - 5}" cy="{row.middle}" r="4.5"/>'
    yield _label(end - 16, row.middle + 4, row.guest or "", "chip", anchor="end")


def _said(port: Port) -> str:
    words = [f"{port.name}: {tree.what(port)}"]
    words += [f"tag {port.tag}"] if port.tag is not None else []
    words += [f"ofport {port.ofport}"] if port.ofport is not None else []
    words += [f"MTU {port.mtu}"] if port.mtu else []
    words += [port.address] if port.address else []
    return ", ".join([*words, *port.addresses]) + _whose(port)


def _whose(owner: Port | Switch) -> str:
    if owner.vif is not None:
        return f", of VIF {owner.vif}"
    return ", shared by VIFs" if owner.shared else ""


def _title(text: str) -> str:
    return f"<title>{_xml(text)}</title>"


def _label(x: int, y: int, text: str, style: str, anchor: str = "") -> str:
    if not text:
        return ""
    attributes = (f' class="{style}"' if style else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x}" y="{y}"{attributes}>{_xml(text)}</text>'


def _xml(text: str) -> str:
    """Text for an element; control characters are no part of XML."""
    return escape("\n".join(shown(line) if line else "" for line in text.split("\n")), quote=False)
