"""What `check` says of a VIF that os-vif 5.3.0 has plugged: what it does otherwise, object by object.

By the kind's name (tests.ovskinds). An object's name is given as the prefix that the VIF's id follows: cut to 14
characters, or whole where an asterisk stands for it; after an equals sign, a name as it is.
"""

from __future__ import annotations

from tests.ovskinds import TRUNK
from tests.ovsvifs import identity, short

LINK = ": does not carry the mark of VIF"
ROW = f"{LINK} (external_ids:os-vif)"
IPV6 = ": IPv6 is on, should be off"
_NATIVE = ("tap" + LINK, "tap" + ROW)
_HYBRID = ("qbr" + LINK, "qvb" + LINK, "qvb" + IPV6, "qvo" + LINK, "qvo" + IPV6, "qvo" + ROW)

ADOPTED: dict[str, tuple[str, ...]] = {
    "port and tap": _NATIVE,
    "port and tap, multiqueue": _NATIVE,
    "port": ("tap" + ROW,),
    "hypervisor's port": (),
    "hybrid": _HYBRID,
    "a bridge per port": ("tap" + LINK, "pb" + ROW, "tap" + ROW, "ibp*" + ROW, "pbp*" + ROW),
    "isolated, wired by the agent": _NATIVE,
    "hybrid, isolated, wired by the agent": _HYBRID,
    "trunk": ("tap" + LINK, "=" + TRUNK + ROW, "tap" + ROW),
}


def words(kind: str, number: int) -> list[str]:
    """The lines of VIF `number`."""
    vif = identity(number)
    said = []
    for text in ADOPTED[kind]:
        name, _, what = text.partition(": ")
        if name.startswith("="):
            full = name[1:]
        elif name.endswith("*"):
            full = name[:-1] + vif
        else:
            full = short(name, number)
        said.append(f"{full}: {what.replace('VIF', f'VIF {vif}')}")
    return said
