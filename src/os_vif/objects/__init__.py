"""The objects that network side, compute side and host exchange: the wire format, and nothing else.

The classes are in the modules: `os_vif.objects.vif.VIFBridge`. `register_all()` makes them all known, as
`os_vif.initialize()` does.
"""

import importlib

__all__ = ["register_all"]


def register_all() -> None:
    """Import every module of objects, which enters every class in oslo's registry. Cheap when repeated."""
    for module in ("fixed_ip", "host_info", "instance_info", "network", "route", "subnet", "vif"):
        importlib.import_module(f"os_vif.objects.{module}")
