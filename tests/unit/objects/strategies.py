"""Hypothesis strategies that build any object of the wire format, with any of its fields set.

Tests of plugins, of the binding and of the virt drivers can ask for one class, `objects(vif.VIFBridge)`, and
pin fields with keyword arguments: `objects(vif.VIFBridge, plugin=st.just("noop"))`.
"""

import warnings

from hypothesis import strategies as st
from oslo_versionedobjects import base as ovo_base
from oslo_versionedobjects import fields as ovo_fields

from os_vif import objects as os_vif_objects
from os_vif.objects import base
from os_vif.objects import fields as os_vif_fields

os_vif_objects.register_all()

CLASSES: dict[str, type[base.VersionedObject]] = {
    name: classes[0]
    for name, classes in sorted(ovo_base.VersionedObjectRegistry.obj_classes().items())
    if classes[0].__module__.startswith("os_vif.objects.") and issubclass(classes[0], base.VersionedObject)
}


def versions(known: type[base.VersionedObject]) -> list[str]:
    """Return every version the class has had, oldest first."""
    newest = int(known.VERSION.split(".")[1])
    return [f"1.{minor}" for minor in range(newest + 1)]


def uuids() -> st.SearchStrategy[str]:
    return st.uuids().map(str)


def mac_addresses() -> st.SearchStrategy[str]:
    return st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))


def pci_addresses() -> st.SearchStrategy[str]:
    return st.builds(
        "{:04x}:{:02x}:{:02x}.{:d}".format,
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFF),
        st.integers(0, 0x1F),
        st.integers(0, 7),
    )


def networks() -> st.SearchStrategy[str]:
    v4 = st.builds(lambda ip, length: f"{ip}/{length}", st.ip_addresses(v=4), st.integers(0, 32))
    v6 = st.builds(lambda ip, length: f"{ip}/{length}", st.ip_addresses(v=6), st.integers(0, 128))
    return v4 | v6


def values(field: ovo_fields.Field[object]) -> st.SearchStrategy[object]:
    """Return what may be assigned to a field; None too where it is nullable."""
    strategy = _values(field)
    return st.none() | strategy if field.nullable else strategy


def _values(field: ovo_fields.Field[object]) -> st.SearchStrategy[object]:
    match field:
        case ovo_fields.UUIDField():
            return uuids()
        case ovo_fields.MACAddressField():
            return mac_addresses()
        case ovo_fields.PCIAddressField():
            return pci_addresses()
        case ovo_fields.IPAddressField():
            return st.ip_addresses().map(str)
        case ovo_fields.IPNetworkField():
            return networks()
        case os_vif_fields.ListOfIPAddressField():
            return st.lists(st.ip_addresses().map(str), max_size=3)
        case ovo_fields.BooleanField():
            return st.booleans()
        case ovo_fields.IntegerField():
            return st.integers(0, 65535)
        case ovo_fields.BaseEnumField():
            return st.sampled_from(list(field.valid_values))
        case ovo_fields.StringField():
            return st.text(max_size=20)
        case ovo_fields.DictOfStringsField():
            return st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)
        case ovo_fields.ObjectField():
            return st.sampled_from(_fitting(field.objname)).flatmap(objects)
        case ovo_fields.ListOfObjectsField():
            return st.lists(objects(CLASSES[field.objname]), max_size=2)
    raise NotImplementedError(f"no strategy for {field!r}")


def _fitting(declared: str) -> list[type[base.VersionedObject]]:
    return [known for known in CLASSES.values() if issubclass(known, CLASSES[declared])]


@st.composite
def objects(
    draw: st.DrawFn,
    /,
    known: type[base.VersionedObject] | None = None,
    *,
    full: bool = False,
    **pinned: st.SearchStrategy[object],
) -> base.VersionedObject:
    """Build an object of class `known`, or of any, with a random choice of its fields (`full`: all)."""
    if known is None:
        known = draw(st.sampled_from(list(CLASSES.values())))
    kwargs = {}
    for name, field in known.fields.items():
        if name in pinned:
            kwargs[name] = draw(pinned[name])
        elif full or draw(st.booleans()):
            kwargs[name] = draw(values(field))
    with warnings.catch_warnings():
        # VIFPortProfileOVSRepresentor warns whenever one is made.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return known(**kwargs)
