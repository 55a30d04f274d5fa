"""The commands about this host as a whole: host-info, topology."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import os_vif
from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format, Settings
from os_vif.cli.errors import ExitCode, InputError


class Drawing(enum.StrEnum):
    """What `topology` makes of a host."""

    TEXT = "text"
    JSON = "json"
    SVG = "svg"


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


def topology(
    *,
    drawing: Annotated[
        Drawing, typer.Option("-f", "--format", help="Text for terminals, SVG for pages, JSON for programs.")
    ] = Drawing.TEXT,
    vif_files: Annotated[
        list[str] | None,
        typer.Option(
            "--vif", metavar="FILE", help="Mark what differs from the plans of these VIFs; repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there.", dir_okay=False)
    ] = None,
    settings: Settings,
) -> int:
    """Draw this host: bridges, their ports, what connects them, guests, and whose all that is.

    Faint is what carries no mark of os-vif. No privileges are needed, but perhaps to read Open vSwitch's database and
    the filter rules of the VIFs given.
    """
    session.start(settings)
    from os_vif.cli import svg, tree
    from os_vif.host import engine
    from os_vif.host import topology as host_topology

    seen = host_topology.observe(session.database(settings))
    if vif_files:
        from os_vif.cli import input as given

        cards = [card for path in vif_files for card in given.cards_of_file(path)]
        jobs = [os_vif.job(*card.told) for card in cards]
        plans = [job.plan for job in jobs]
        seen = host_topology.compared(seen, zip(plans, engine.check(jobs), strict=True))
    if drawing is Drawing.JSON:
        text = json.dumps(asdict(seen), indent=2)
    elif drawing is Drawing.SVG:
        text = svg.drawing(seen)
    else:
        text = "\n".join(tree.lines(seen, colours=out is None and output.has_colours()))
    if out is None:
        output.write(text)
        return ExitCode.DONE
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {"host-info": host_info, "topology": topology}


def _versions(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
