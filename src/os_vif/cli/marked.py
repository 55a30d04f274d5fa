"""The commands that go by the marks on the host: list, gc."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format
from os_vif.cli.errors import ExitCode, InputError, SomeFailed

if TYPE_CHECKING:
    from os_vif.host.marks import MarkedLink, MarkedRows
    from os_vif.host.ovs.state import PortState


@dataclass(frozen=True, slots=True)
class Entry:
    """A link, a port of Open vSwitch, or both in one, as `list` shows it; vif: None if several share it."""

    vif: str | None
    device: str
    kind: str
    bridge: str | None = None
    mtu: int | None = None
    ofport: int | None = None
    tag: int | None = None
    state: str | None = None


def list_objects(
    *,
    shared: Annotated[bool, typer.Option("--shared", help="Also what several VIFs share: bridges.")] = False,
    common: Common,
) -> int:
    """List what belongs to VIFs on this host: links, and ports of Open vSwitch.

    They are known by their marks, whoever plugged them. Only Open vSwitch's database may take privileges to read.
    """
    session.start(common)
    from os_vif.host import marks

    links = [marked for marked in marks.marked_links() if shared or marked.vif_id is not None]
    database = session.database(common)
    found = _entries(links, marks.marked_rows(database) if database is not None else None)
    if common.output_format is Format.JSON:
        output.show_json([asdict(entry) for entry in found])
    elif found:
        columns = ["VIF", "device", "kind", "bridge", "mtu", "ofport", "tag", "state"]
        if all(entry.ofport is None and entry.tag is None for entry in found):
            columns = [name for name in columns if name not in ("ofport", "tag")]
        rows = [
            ("shared" if entry.vif is None else entry.vif, *(getattr(entry, name) for name in columns[1:]))
            for entry in found
        ]
        output.show_table(columns, rows, grouped=True)
    else:
        output.say("no VIF is plugged on this host")
    return ExitCode.DONE


def gc(
    *,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='Ids of the VIFs to keep ("-": standard input): one a line, or a JSON list of ids or VIFs.',
        ),
    ] = None,
    keep_none: Annotated[bool, typer.Option("--keep-none", help="Remove what belongs to any VIF.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    common: Common,
) -> int:
    """Remove what belongs to VIFs, but to those that are to be kept.

    What has no mark of os-vif, and what VIFs share, is never removed.
    """
    session.start(common)
    from os_vif.host import marks

    kept = {_comparable(vif_id) for vif_id in _ids_to_keep(keep, keep_none)}
    links = [m for m in marks.marked_links() if m.vif_id is not None and _comparable(m.vif_id) not in kept]
    database = session.database(common)
    rows = marks.marked_rows(database).without(lambda owner: _comparable(owner) in kept) if database else None
    going = {(entry.device, entry.vif or "") for entry in _entries(links, rows)}
    failures: dict[str, Exception] = {}
    if not dry_run:
        failures = marks.delete_rows(rows) if rows is not None else {}
        # a port that stays keeps its device
        links = [marked for marked in links if marked.name not in failures]
        errors = zip(links, marks.delete(links), strict=True)
        failures |= {marked.name: error for marked, error in errors if error is not None}
    _show_removed(sorted(entry for entry in going if entry[0] not in failures), dry_run, common)
    if failures:
        raise SomeFailed(f"{len(failures)} of {len(going)} objects could not be removed", failures)
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {"list": list_objects, "gc": gc}


def _entries(links: list[MarkedLink], rows: MarkedRows | None) -> list[Entry]:
    """One for each device, in the kernel's order, then for what is in the database alone."""
    from os_vif.cli import wording

    ports = {port.name: port for port in rows.ports} if rows is not None else {}
    entries: list[Entry] = []
    for marked in links:
        port = ports.get(marked.name)
        if port is None or port.owner != marked.vif_id:
            state = wording.state(marked.link)
            entries.append(
                Entry(
                    marked.vif_id,
                    marked.name,
                    marked.kind,
                    marked.master or None,
                    marked.link.mtu,
                    state=state,
                )
            )
        else:
            entries.append(_port_entry(ports.pop(marked.name), marked))
    entries += [_port_entry(port, None) for port in ports.values()]
    bridges = rows.bridges if rows is not None else ()
    return entries + [Entry(bridge.owner, bridge.name, "ovs bridge") for bridge in bridges]


def _port_entry(port: PortState, marked: MarkedLink | None) -> Entry:
    from os_vif.cli import wording

    return Entry(
        vif=port.owner,
        device=port.name,
        kind=marked.kind if marked is not None else port.interface_type or "port",
        bridge=port.bridge,
        mtu=marked.link.mtu if marked is not None else port.mtu_request,
        ofport=port.ofport,
        tag=port.tag,
        state=wording.port_state(port, marked.link if marked is not None else None),
    )


def _ids_to_keep(path: str | None, keep_none: bool) -> list[str]:
    from os_vif.cli import input as given

    if keep_none and path is not None:
        raise InputError("--keep FILE and --keep-none were both given", "give one of the two")
    if keep_none:
        return []
    if path is None:
        raise InputError("which VIFs to keep was not said", "give --keep FILE, or --keep-none to remove all")
    ids = given.vif_ids(path)
    if not ids:
        raise InputError(
            f"{'standard input' if path == '-' else path}: no VIF to keep in it; nothing was removed",
            "--keep-none removes the links of all VIFs",
        )
    return ids


def _comparable(vif_id: str) -> str:
    """A UUID in its usual spelling; any other text as it is."""
    try:
        return str(uuid.UUID(vif_id))
    except ValueError:
        return vif_id


def _show_removed(removed: list[tuple[str, str]], dry_run: bool, common: Common) -> None:
    if common.output_format is Format.JSON:
        output.show_json([{"vif": vif, "device": name, "removed": not dry_run} for name, vif in removed])
        return
    for name, vif in removed:
        output.say(f"{'would remove' if dry_run else 'removed'} {name} of VIF {vif}")
    if not removed:
        output.say("nothing to remove")
