"""A VIF as lines of a VMware configuration file (.vmx), for guests of vSphere that are described by such a file.

Two kinds of network have a form: a port of a distributed switch (VIFDVS), and a port group of a host's own switch,
which a VIFBridge names in `bridge_name`. Opaque networks (NSX) and passed-through devices have none: vCenter connects
those through its API, not through the file. Source of the names: the files that vSphere writes; the tests have
libvirt's own reader of such files read them back.
"""

from __future__ import annotations

from collections.abc import Mapping

from os_vif import exception
from os_vif.objects import vif as vifs
from os_vif.objects.vif import VIFBase
from os_vif.virt.card import Card
from os_vif.virt.request import Request

GUEST = "VMware"

# models that VMware's virtual hardware has; "vmxnet" is the second of that name, as Nova and libvirt call it
MODELS = {"vmxnet3": "vmxnet3", "vmxnet2": "vmxnet", "vmxnet": "vmxnet", "e1000": "e1000", "e1000e": "e1000e"}
MODELS |= {"pcnet": "vlance", "vlance": "vlance"}
MAX_CARDS = 10  # of one virtual machine
_OWN_PREFIX = "00:50:56:"  # VMware's; in a file, up to 00:50:56:3f:ff:ff are free to be given by hand


def lines(vif: VIFBase, card: Card | None = None, *, number: int = 0) -> list[str]:
    """The lines of one card, e.g. 'ethernet0.present = "TRUE"'; number: the card's position in the guest, 0 to 9.

    :raises os_vif.exception.UnfitVIF: a field that is needed is missing, or says something impossible
    :raises os_vif.exception.NotForGuest: a file has no words for such a VIF
    :raises os_vif.exception.InvalidCard: a wish that VMware's cards cannot have; limits are the port group's there
    """
    if not 0 <= number < MAX_CARDS:
        raise ValueError(f"number: {number} is not between 0 and {MAX_CARDS - 1}")
    request = Request(vif, card or Card(), GUEST)
    network = _network(request)
    request.check_wishes({"model"}, "a card in a .vmx file")
    model = request.card.model or "vmxnet3"
    if model not in MODELS:
        raise exception.InvalidCard(
            field="model", reason=f"{model} is none of VMware's: {', '.join(sorted(MODELS))}"
        )
    values = {"present": "TRUE", "virtualDev": MODELS[model], **network, **_address(request)}
    return [f'ethernet{number}.{name} = "{_escaped(value)}"' for name, value in values.items()]


def _network(request: Request) -> Mapping[str, str]:
    if isinstance(request.vif, vifs.VIFDVS):
        port, connection = request.optional("port_id"), request.optional("connection_id")
        said = {
            "dvs.switchId": _spaced(request.text("switch_id")),
            "dvs.portId": port,
            "dvs.portgroupId": request.text("port_group_id"),
            "dvs.connectionId": connection,
        }
        return {name: str(value) for name, value in said.items() if value is not None}
    if isinstance(request.vif, vifs.VIFBridge) and request.profile is None:
        return {"connectionType": "bridged", "networkName": request.text("bridge_name")}
    raise request.impossible(
        "it is connected by a host with Linux.",
        "For a port group of a host's own switch send a VIFBridge, else a VIFDVS.",
    )


def _address(request: Request) -> Mapping[str, str]:
    """The guest's address, which VMware must neither make up nor, where it is nobody's of VMware's, refuse."""
    mac = request.text("address").lower()
    own = mac.startswith(_OWN_PREFIX) and mac[len(_OWN_PREFIX)] in "0123"
    checked = {} if own else {"checkMACAddress": "FALSE"}
    return {"addressType": "static", "address": mac, **checked}


def _spaced(uuid: str) -> str:
    """A UUID as vSphere writes a switch's: bytes apart by spaces, the two halves by a dash."""
    digits = uuid.replace("-", "").lower()
    pairs = [digits[n : n + 2] for n in range(0, len(digits), 2)]
    return f"{' '.join(pairs[:8])}-{' '.join(pairs[8:])}"


def _escaped(value: str) -> str:
    """What would end the line or the quotes, as the format has it: a bar and two hexadecimal digits."""
    return "".join(f"|{ord(c):02X}" if c in '"|' or ord(c) < 32 else c for c in value)
