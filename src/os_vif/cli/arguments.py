"""Arguments that several commands take, as dataclasses, and the decorator that gives them to a command.

A command asks for a group of arguments with one parameter of the group's type; typer sees the group's fields.
"""

from __future__ import annotations

import enum
import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, get_type_hints

import typer


class Format(enum.StrEnum):
    """How results and errors are written: for people, or for programs."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every command takes."""

    config_file: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Configuration; may be repeated. Default: /etc/os-vif/os-vif.conf."
        ),
    ] = None
    ovsdb: Annotated[
        str | None,
        typer.Option(
            metavar="REMOTE",
            help="Open vSwitch database: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT. Default: the configuration's.",
        ),
    ] = None
    debug: Annotated[bool, typer.Option("--debug", help="Log to standard error; errors with tracebacks.")] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Common(Settings):
    """What every command takes whose result is a table."""

    output_format: Annotated[
        Format, typer.Option("-f", "--format", help="Tables for people, JSON for programs.")
    ] = Format.TABLE


class Mode(enum.StrEnum):
    """Which end of a vhost-user socket QEMU is."""

    CLIENT = "client"
    SERVER = "server"


class Datapath(enum.StrEnum):
    """What forwards the packets of an Open vSwitch bridge: the kernel, or ovs-vswitchd itself."""

    SYSTEM = "system"
    NETDEV = "netdev"


def _plugins() -> list[str]:
    from importlib import metadata

    return sorted({entry_point.name for entry_point in metadata.entry_points(group="os_vif")})


def _links() -> list[str]:
    return sorted(os.listdir("/sys/class/net"))


def _bridges() -> list[str]:
    return [name for name in _links() if os.path.isdir(f"/sys/class/net/{name}/bridge")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VifArguments:
    """Which VIFs: a file of them, or one VIF in flags."""

    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help='VIFs as JSON ("-": standard input): one, a list, or {"vif": ..., "instance_info": ...}. '
            "Instead of a FILE, one VIF can be given in flags:",
        ),
    ] = None
    plugin: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", autocompletion=_plugins, help="Plugin: linux_bridge, ovs, tap or script."
        ),
    ] = None
    bridge: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=_bridges, help="Bridge the VIF is to be on.")
    ] = None
    tap: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Tap device; it is created (with --hybrid by the hypervisor)."),
    ] = None
    mac: Annotated[str | None, typer.Option(metavar="MAC", help="The guest's MAC address.")] = None
    vif_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="UUID", help="Id of the VIF. Default: derived from plugin and tap or socket."
        ),
    ] = None
    instance: Annotated[
        str | None, typer.Option(metavar="UUID", help="The guest it belongs to. Default: the VIF's id.")
    ] = None
    mtu: Annotated[
        int | None, typer.Option(min=68, max=65535, metavar="BYTES", help="MTU of the network.")
    ] = None
    multiqueue: Annotated[bool, typer.Option("--multiqueue", help="A tap with many queues.")] = False
    create_bridge: Annotated[
        bool, typer.Option("--create-bridge", help="linux_bridge: make the bridge if it is missing.")
    ] = False
    nic: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=_links,
            help="linux_bridge: NIC to put in the bridge (with --create-bridge).",
        ),
    ] = None
    vlan: Annotated[
        int | None,
        typer.Option(
            min=1, max=4094, metavar="ID", help="linux_bridge: put this VLAN of the NIC in it instead."
        ),
    ] = None
    filtered: Annotated[
        bool | None,
        typer.Option(
            "--filter/--no-filter",
            help="linux_bridge: whether others filter the VIF's traffic. If not, os-vif places the rules of a"
            " bridge it makes. Default: --no-filter.",
            show_default=False,
        ),
    ] = None
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="ovs, script: a Linux bridge between the tap and the switch.")
    ] = False
    vhost_user: Annotated[
        str | None, typer.Option(metavar="SOCKET", help="ovs, script: a vhost-user port instead of a tap.")
    ] = None
    mode: Annotated[
        Mode | None, typer.Option(help="ovs, script: QEMU's end of the --vhost-user socket. Default: server.")
    ] = None
    datapath: Annotated[
        Datapath | None,
        typer.Option(help="ovs: datapath of the bridge. Default: as it is; system for a new one."),
    ] = None
    interface_id: Annotated[
        str | None,
        typer.Option(
            metavar="UUID", help="ovs: iface-id that the network's controller knows. Default: the VIF's id."
        ),
    ] = None
    script: Annotated[
        str | None, typer.Option(metavar="NAME", help="script: plug script that connects the VIF.")
    ] = None
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="script: a parameter for the script; may be repeated."),
    ] = None
    pci: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="script: a PCI device instead of a tap.")
    ] = None


def flattened(command: Callable[..., int]) -> Callable[..., int]:
    """Make a function for typer of one that has argument groups (dataclasses) among its parameters."""
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    hints = get_type_hints(command, include_extras=True)
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if isinstance(hint, type) and is_dataclass(hint):
            groups[parameter.name] = hint
            parameters += _parameters_of(hint)
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hint, kind=kind))

    def flat(**values: object) -> int:
        given = {
            name: group(**{f.name: values.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        return command(**given, **values)

    flat.__doc__ = command.__doc__
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    return flat


def _parameters_of(group: type) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
