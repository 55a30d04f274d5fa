"""The objects that network side, compute side and host exchange: the wire format, and nothing else.

The classes are in the modules: `os_vif.objects.vif.VIFBridge`. `register_all()` makes them all known, as
`os_vif.initialize()` does. `to_json`, `from_json` and `from_primitive` are for what goes to, or comes from,
another process.
"""

from os_vif.objects.base import register_all
from os_vif.objects.wire import from_json, from_primitive, to_json

__all__ = ["from_json", "from_primitive", "register_all", "to_json"]
