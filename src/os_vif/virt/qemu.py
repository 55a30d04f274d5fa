"""A VIF and what is wanted of its card as arguments of QEMU's command line, for whoever starts QEMU without libvirt.

A card is a -device, what it is connected to a -netdev. Only what QEMU can do by itself has a form: it opens a tap, a
socket or a device that is there. It puts nothing in a bridge, makes no port of a switch, limits and filters nothing;
for a VIF that needs that, the error says what to use instead. Source: qemu(1), -netdev and -device; checked against
QEMU 7.2. What belongs to the machine stays with whoever describes the machine: memory that is shared with a
vhost-user switch (-object memory-backend-memfd,share=on), an IOMMU, hot-plug ports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from os_vif import exception
from os_vif.objects import fields
from os_vif.objects import vif as vifs
from os_vif.objects.vif import VIFBase
from os_vif.virt.card import Card
from os_vif.virt.request import Request

GUEST = "QEMU"

_EVERY = frozenset({"boot_order", "alias"})
_VIRTIO = _EVERY | {"model", "queues", "rx_queue_size", "tx_queue_size", "packed"}
_LIBVIRT = "Start the guest through libvirt (os-vif render libvirt)"

Options = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How QEMU has a VIF.

    takes: the wishes its card can have. backend: type of the -netdev; None where the guest is given the host's own
    device. options: of the -netdev, or of that device. socket: of the -chardev that the -netdev speaks through.
    """

    takes: frozenset[str]
    backend: str | None
    options: Options
    socket: Options | None = None


def takes(vif: VIFBase) -> frozenset[str]:
    """The fields of a Card that may be set for this VIF: `card.only(takes(vif))` fits any VIF.

    :raises os_vif.exception.UnfitVIF, os_vif.exception.NotForGuest: as `arguments`
    """
    return _form(Request(vif, Card(), GUEST)).takes


def arguments(vif: VIFBase, card: Card | None = None) -> list[str]:
    """The arguments for one card, e.g. ["-netdev", "tap,id=...", "-device", "virtio-net-pci,netdev=..."].

    The ids, which are those of QMP: the card's is its alias, else "nic-" and the VIF's id; those of its -netdev and
    -chardev are "net-" and "chr-", and then alias or VIF id.

    :raises os_vif.exception.UnfitVIF: a field that is needed is missing, or says something impossible
    :raises os_vif.exception.NotForGuest: QEMU has no card of that kind, or needs help that only libvirt gives
    :raises os_vif.exception.InvalidCard: a wish that a card of that kind cannot have
    """
    request = Request(vif, card or Card(), GUEST)
    form = _form(request)
    request.check_wishes(form.takes, f"QEMU's {form.backend or 'vfio-pci'}")
    whose = request.card.alias or request.text("id")
    name = request.card.alias or f"nic-{whose}"
    last = {"bootindex": request.card.boot_order}
    if form.backend is None:
        return ["-device", _written("vfio-pci", {"id": name, **form.options, **last})]
    device = _device(request, form)
    request.check_queues()
    options = {"id": f"net-{whose}", **form.options}
    if request.card.queues > 1:
        options["queues"] = request.card.queues
    socket: list[str] = []
    if form.socket is not None:
        socket = ["-chardev", _written("socket", {"id": f"chr-{whose}", **form.socket})]
        options["chardev"] = f"chr-{whose}"
    card_options = {"netdev": f"net-{whose}", "id": name, "mac": request.text("address"), **device, **last}
    return [
        *(*socket, "-netdev", _written(form.backend, options)),
        *("-device", _written(_model(request.card), card_options)),
    ]


def _form(request: Request) -> _Form:
    for kind in type(request.vif).__mro__:
        if kind in _FORMS:
            return _FORMS[kind](request)
    raise request.impossible(
        "QEMU knows nothing of its kind.", "Choose a VIF type that docs/guests.md lists."
    )


def _tap(request: Request) -> _Form:
    """A tap that is there. QEMU runs no script for it: the plugin has set it up."""
    options = {"ifname": request.text("vif_name"), "script": "no", "downscript": "no"}
    if request.card.driver is not None:
        options["vhost"] = "on" if request.card.driver == "vhost" else "off"
    return _Form(takes=_VIRTIO | {"driver", "mtu"}, backend="tap", options=options)


def _bridge(request: Request) -> _Form:
    if isinstance(request.profile, vifs.VIFPortProfileLinuxBridge) and request.makes_tap:
        return _tap(request)
    raise request.impossible(
        "its tap is made, and put in the bridge, by the hypervisor, and QEMU does no such thing.",
        f"{_LIBVIRT}, or have the plugin make the tap: a VIFPortProfileLinuxBridge with create_tap, or a "
        "VIFOpenVSwitch whose profile has create_tap.",
    )


def _open_vswitch(request: Request) -> _Form:
    if request.makes_tap:
        return _tap(request)
    what = "tap is" if request.flag("create_port") else "port is"
    raise request.impossible(
        f"its {what} made by the hypervisor, and QEMU does no such thing.",
        f"{_LIBVIRT}, or set create_port and create_tap in the VIF's port profile.",
    )


def _direct(request: Request) -> _Form:
    raise request.impossible(
        "a macvtap device has no name that QEMU could open, only a descriptor that it must be handed.",
        f"{_LIBVIRT}, which makes the device and hands it over.",
    )


def _vhost_user(request: Request) -> _Form:
    socket: dict[str, object] = {"path": request.text("path")}
    if request.text("mode") == fields.VIFVHostUserMode.SERVER:
        # QEMU waits for the switch's connection all the same before it starts the guest
        socket |= {"server": "on", "wait": "off"}
    return _Form(takes=_VIRTIO, backend="vhost-user", options={}, socket=socket)


def _vdpa(request: Request) -> _Form:
    return _Form(takes=_VIRTIO, backend="vhost-vdpa", options={"vhostdev": request.text("path")})


def _host_device(request: Request) -> _Form:
    if isinstance(request.profile, vifs.VIFPortProfile8021Qbh):
        raise request.impossible("the switch must be told of it, which QEMU does not do.", f"{_LIBVIRT}.")
    return _Form(takes=_EVERY, backend=None, options={"host": request.text("dev_address")})


def _distributed_switch(request: Request) -> _Form:
    raise request.impossible(
        "it is a port of VMware's switch, which is in VMware's hypervisor.", "Use os-vif render vmx."
    )


def _nested_dpdk(request: Request) -> _Form:
    raise request.impossible(
        "it is a device within a guest, which has it already.",
        "Give the guest itself the VIF that it is connected by.",
    )


_FORMS: Mapping[type, Callable[[Request], _Form]] = {
    vifs.VIFGeneric: _tap,
    vifs.VIFBridge: _bridge,
    vifs.VIFOpenVSwitch: _open_vswitch,
    vifs.VIFDirect: _direct,
    vifs.VIFVHostUser: _vhost_user,
    vifs.VIFVDPA: _vdpa,
    vifs.VIFHostDevice: _host_device,
    vifs.VIFDVS: _distributed_switch,
    vifs.VIFNestedDPDK: _nested_dpdk,
}


def _model(card: Card) -> str:
    """What -device calls a model: virtio's has the bus in its name, the others are called alike."""
    model = card.model or "virtio"
    return model.replace("virtio", "virtio-net-pci", 1) if model.startswith("virtio") else model


def _device(request: Request, form: _Form) -> Options:
    """The -device's own options, as far as VIF and card say them."""
    card = request.card
    if not _model(card).startswith("virtio"):
        if form.backend != "tap":
            raise exception.InvalidCard(
                field="model", reason=f"{card.model} is not possible: {form.backend} is virtio"
            )
        if card.mtu is not None:
            raise exception.InvalidCard(
                field="mtu", reason=f"is told to virtio cards alone, not to {card.model}"
            )
        return {}
    options: dict[str, object] = {}
    if form.backend == "tap":
        card.check_tx_queue()
        options["host_mtu"] = request.mtu
    if card.queues > 1:
        # an interrupt for each of the queues, one for the control queue, one for changes of the configuration
        options |= {"mq": "on", "vectors": 2 * card.queues + 2}
    options |= {"rx_queue_size": card.rx_queue_size, "tx_queue_size": card.tx_queue_size}
    return options | {"packed": "on" if card.packed else None}


def _written(kind: str, options: Options) -> str:
    """As QEMU reads it: what is None is left out, a comma in a value is doubled."""
    said = [f"{name}={str(value).replace(',', ',,')}" for name, value in options.items() if value is not None]
    return ",".join([kind, *said])
