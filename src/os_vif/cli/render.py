"""The command for whoever describes a guest: render."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

import typer

from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format, VifArguments
from os_vif.cli.errors import ExitCode, InputError

if TYPE_CHECKING:
    from os_vif.objects.vif import VIFBase
    from os_vif.virt import Card, Rate


class Hypervisor(enum.StrEnum):
    """Whose description of a guest the VIF is to be in."""

    LIBVIRT = "libvirt"
    QEMU = "qemu"
    VMX = "vmx"


class Driver(enum.StrEnum):
    """Who moves the packets of a virtio card."""

    QEMU = "qemu"
    VHOST = "vhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardArguments:
    """What is wanted of the guest's card: the fields of os_vif.virt.Card that have a flag."""

    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="virtio, e1000e, vmxnet3, ... Default: virtio, vmxnet3."),
    ] = None
    driver: Annotated[Driver | None, typer.Option(help="Who moves the packets of a virtio card.")] = None
    queues: Annotated[int, typer.Option(metavar="NUMBER", help="Pairs of queues, 1 to 256.")] = 1
    rx_queue_size: Annotated[int | None, typer.Option(metavar="PACKETS", help="256, 512 or 1024.")] = None
    tx_queue_size: Annotated[int | None, typer.Option(metavar="PACKETS", help="256, 512 or 1024.")] = None
    packed: Annotated[bool, typer.Option("--packed", help="virtio's packed layout of queues.")] = False
    inbound: Annotated[
        str | None,
        typer.Option(
            metavar="AVERAGE[,PEAK[,BURST]]", help="Limit of what the guest receives: kB/s, kB/s, kB."
        ),
    ] = None
    outbound: Annotated[
        str | None, typer.Option(metavar="AVERAGE[,PEAK[,BURST]]", help="Limit of what the guest sends.")
    ] = None
    boot_order: Annotated[
        int | None, typer.Option(metavar="POSITION", help="Position among the boot devices, from 1.")
    ] = None
    filterref: Annotated[
        str | None, typer.Option(metavar="NAME", help="Filter that libvirt puts on the card.")
    ] = None
    tag: Annotated[
        int | None,
        typer.Option(metavar="ID", help="VLAN that the hypervisor has the switch tag the traffic with."),
    ] = None
    alias: Annotated[
        str | None, typer.Option(metavar="NAME", help='The device\'s name in the hypervisor: "ua-...".')
    ] = None


def render(
    hypervisor: Annotated[Hypervisor, typer.Argument(metavar="libvirt|qemu|vmx", show_default=False)],
    vifs: VifArguments,
    card: CardArguments,
    common: Common,
) -> int:
    """Show what a hypervisor is to be told of VIFs.

    XML for libvirt, arguments for QEMU, lines of a VMware configuration file. The host is not looked at and no
    privileges are needed.
    """
    session.start(common)
    from os_vif.cli import input as given

    wanted = _card(card)
    rendered = [
        (found.vif, _RENDERERS[hypervisor](found.vif, wanted, number))
        for number, found in enumerate(given.cards(vifs))
    ]
    if common.output_format is Format.JSON:
        output.show_json([{"vif": vif.id, str(hypervisor): said} for vif, said in rendered])
        return ExitCode.DONE
    for _, said in rendered:
        output.write(_text(said))
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {"render": render}


def _libvirt(vif: VIFBase, card: Card, number: int) -> str:
    from os_vif.virt import libvirt

    return libvirt.render(vif, card)


def _qemu(vif: VIFBase, card: Card, number: int) -> Sequence[str]:
    from os_vif.virt import qemu

    return qemu.arguments(vif, card)


def _vmx(vif: VIFBase, card: Card, number: int) -> str:
    from os_vif.virt import vmx

    if number >= vmx.MAX_CARDS:
        raise InputError(f"a VMware guest has {vmx.MAX_CARDS} cards at most", "render fewer VIFs at once")
    return "\n".join(vmx.lines(vif, card, number=number))


_RENDERERS: Mapping[Hypervisor, Callable[[VIFBase, Card, int], str | Sequence[str]]] = {
    Hypervisor.LIBVIRT: _libvirt,
    Hypervisor.QEMU: _qemu,
    Hypervisor.VMX: _vmx,
}


def _text(said: str | Sequence[str]) -> str:
    """QEMU's arguments as a shell takes them; what a VIF says is in quotes there, as it is escaped in the others."""
    return said if isinstance(said, str) else shlex.join(said)


def _card(arguments: CardArguments) -> Card:
    from os_vif.virt import Card, FilterRef

    values = {part.name: getattr(arguments, part.name) for part in fields(arguments) if part.name != "tag"}
    return Card(
        **values
        | {
            "vlan": arguments.tag,
            "driver": arguments.driver.value if arguments.driver is not None else None,
            "inbound": _rate("--inbound", arguments.inbound),
            "outbound": _rate("--outbound", arguments.outbound),
            "filterref": FilterRef(arguments.filterref) if arguments.filterref is not None else None,
        }
    )


def _rate(flag: str, text: str | None) -> Rate | None:
    from os_vif.virt import Rate

    if text is None:
        return None
    parts = text.split(",")
    if len(parts) > 3 or not all(part.isdecimal() and part.isascii() for part in parts):
        raise InputError(f"{flag}: {text!r} is not AVERAGE[,PEAK[,BURST]]", "whole numbers: 1000,2000,512")
    return Rate(**dict(zip(("average", "peak", "burst"), map(int, parts), strict=False)))
