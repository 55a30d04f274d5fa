"""The commands about this host as a whole: list, gc, host-info."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

import os_vif
from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format
from os_vif.cli.errors import ExitCode, InputError, SomeFailed

if TYPE_CHECKING:
    from os_vif.host.marks import MarkedLink


def list_links(
    *,
    shared: Annotated[bool, typer.Option("--shared", help="Also what several VIFs share: bridges.")] = False,
    common: Common,
) -> int:
    """List the links on this host that belong to VIFs.

    They are known by their marks, whoever plugged them. No privileges are needed.
    """
    session.configure(common)
    from os_vif.cli import wording
    from os_vif.host import marks

    found = [marked for marked in marks.marked_links() if shared or marked.vif_id is not None]
    if common.output_format is Format.JSON:
        output.show_json(
            [
                {
                    "vif": marked.vif_id,
                    "device": marked.name,
                    "kind": marked.kind,
                    "bridge": marked.master or None,
                    "mtu": marked.link.mtu,
                    "state": wording.state(marked.link),
                }
                for marked in found
            ]
        )
    elif found:
        rows = [
            (
                marked.vif_id or "shared",
                marked.name,
                marked.kind,
                marked.master,
                marked.link.mtu,
                wording.state(marked.link),
            )
            for marked in found
        ]
        output.show_table(("VIF", "device", "kind", "bridge", "mtu", "state"), rows)
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
    keep_none: Annotated[bool, typer.Option("--keep-none", help="Remove the links of all VIFs.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
    common: Common,
) -> int:
    """Remove the links of all VIFs but those that are to be kept.

    Links without a mark of os-vif, and links that VIFs share, are never removed.
    """
    session.configure(common)
    from os_vif.host import marks

    kept = {_comparable(vif_id) for vif_id in _ids_to_keep(keep, keep_none)}
    going = [m for m in marks.marked_links() if m.vif_id is not None and _comparable(m.vif_id) not in kept]
    outcomes = [None] * len(going) if dry_run else marks.delete(going)
    failures = {
        marked.name: error for marked, error in zip(going, outcomes, strict=True) if error is not None
    }
    _show_removed([marked for marked in going if marked.name not in failures], dry_run, common)
    if failures:
        raise SomeFailed(f"{len(failures)} of {len(going)} links could not be removed", failures)
    return ExitCode.DONE


def host_info(common: Common) -> int:
    """Show what this host can do: plugins, VIF types and their versions.

    With -f json it is the HostInfo object that the network side reads.
    """
    session.start(common)
    info = os_vif.host_info()
    if common.output_format is Format.JSON:
        from os_vif import objects

        output.say(objects.to_json(info))
        return ExitCode.DONE
    rows = []
    for plugin in info.plugin_info:
        for vif_type in plugin.vif_info:
            profiles = [
                f"{profile.profile_object_name} {_versions(profile.min_version, profile.max_version)}"
                for profile in vif_type.supported_port_profiles
            ]
            versions = _versions(vif_type.min_version, vif_type.max_version)
            rows.append((plugin.plugin_name, vif_type.vif_object_name, versions, ", ".join(profiles)))
    output.show_table(("plugin", "VIF type", "versions", "port profiles"), rows)
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {"list": list_links, "gc": gc, "host-info": host_info}


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


def _show_removed(removed: list[MarkedLink], dry_run: bool, common: Common) -> None:
    if common.output_format is Format.JSON:
        output.show_json(
            [{"vif": marked.vif_id, "device": marked.name, "removed": not dry_run} for marked in removed]
        )
        return
    for marked in removed:
        output.say(f"{'would remove' if dry_run else 'removed'} {marked.name} of VIF {marked.vif_id}")
    if not removed:
        output.say("nothing to remove")


def _versions(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
