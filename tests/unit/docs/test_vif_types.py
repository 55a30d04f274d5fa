"""docs/vif-types.md is complete and true: every type has its row, and the row says what the code makes of a port."""

from __future__ import annotations

import re
from functools import cache
from xml.etree import ElementTree

import pytest
from tests.unit.docs.tables import (
    ENTRY_POINTS,
    Row,
    document,
    empty_cells,
    missing_tests,
    names_tests,
    quoted,
    table,
)
from tests.unit.openstack.sentports import BOUND

import os_vif
from os_vif import objects
from os_vif.objects.vif import VIFBase
from os_vif.openstack import types
from os_vif.virt.generic import GenericVIFDriver

# as with Nova: VIFPortProfileOVSRepresentor warns whenever one is made
pytestmark = pytest.mark.filterwarnings("ignore:Using class:PendingDeprecationWarning")

TEXT = document("docs/vif-types.md")
BECOMES = table(TEXT, "vif_type", "VIF", "libvirt")
DONE = table(TEXT, "vif_type", "plug", "unplug", "check")
TESTED = table(TEXT, "vif_type", "test")
DRIVER = GenericVIFDriver(os_vif)

VENDORS = "(the vendor's)"
VIRTUALPORT = (
    {"id": "437c6db5-4e6f-4b43-b64b-ed6a11ee5ba7", "bridge": "br-int"},
    {
        "vif_type": "ovs",
        "vif_uuid": "b679325f-ca89-4ee0-a8be-6db1409b69ea",
        "ovs_interfaceid": "b679325f-ca89-4ee0-a8be-6db1409b69ea",
        "mac": "fa:16:3e:11:22:33",
    },
)
# (vif_type, vnic_type, VIF, flags of the port profile or "", plugin, what libvirt is told)
Made = tuple[str, str, str, str, str, str]


def vif_type(row: Row) -> str:
    (found,) = quoted(row["vif_type"])
    return found


def told(vif: VIFBase) -> str:
    """What tells libvirt's cards of different types apart, as the table writes it."""
    card = ElementTree.fromstring(DRIVER.get_config(vif))
    said = [f'<{card.tag} type="{card.get("type")}">']
    for tag, attribute in (("virtualport", "type"), ("target", "managed")):
        found = card.find(tag)
        if found is not None and attribute in found.attrib:
            said.append(f'<{tag} {attribute}="{found.get(attribute)}">')
    if card.find("vlan") is not None:
        said.append("<vlan>")
    return ", ".join(f"`{part}`" for part in said)


def profile(vif: VIFBase) -> str:
    """The port profile with the fields that the table speaks of."""
    found = vif.port_profile if "port_profile" in vif else None
    if found is None:
        return "none"
    said = [name for name in ("create_port", "create_tap", "datapath_offload") if _is_set(found, name)]
    name = type(found).__name__
    if isinstance(vif, objects.vif.VIFOpenVSwitch) and not said:
        return f"{name} with neither"
    return f"{name} with {', '.join(f'`{field}`' for field in said)}" if said else name


def _is_set(source: objects.base.VersionedObject, name: str) -> bool:
    return name in source.fields and name in source and bool(getattr(source, name))


def filled_in(vif: VIFBase) -> VIFBase:
    """With what only the host, or vCenter, knows."""
    for kind, field, value in (
        (objects.vif.VIFDirect, "vif_name", "eth1"),
        (objects.vif.VIFVDPA, "path", "/dev/vhost-vdpa-0"),
        (objects.vif.VIFDVS, "port_id", 1024),
        (objects.vif.VIFDVS, "connection_id", 1870932),
    ):
        if isinstance(vif, kind) and (field not in vif or getattr(vif, field) is None):
            setattr(vif, field, value)
    return vif


@cache
def made() -> frozenset[Made]:
    """All that becomes of the ports in tests/unit/openstack/ports, and of what was sent before there were VIFs."""
    samples = [
        (str(one.port["binding:vif_type"]), str(one.port["binding:vnic_type"]), one.to_vif())
        for one in BOUND
        if one.file != "os_vif"  # a VIF that the network side has sent itself, of any type
    ]
    samples.append(("ovs", "normal", DRIVER.vif(VIRTUALPORT)))
    return frozenset(
        (kind, vnic_type, type(vif).__name__, profile(vif), str(vif.plugin), told(filled_in(vif)))
        for kind, vnic_type, vif in samples
    )


def written(row: Row, vnic_type: str) -> Made:
    (plugin,) = quoted(row["plugin"])
    return vif_type(row), vnic_type, row["VIF"], row["port profile"], plugin, row["libvirt"]


def test_every_type_that_the_converter_knows_has_its_rows_and_no_other_has() -> None:
    assert {vif_type(row) for row in BECOMES} == types.TYPES.keys()


def test_every_vnic_type_is_in_a_row_of_its_type() -> None:
    said = {kind: set[str]() for kind in types.TYPES}
    for row in BECOMES:
        said[vif_type(row)] |= set(quoted(row["vnic_type"]))
    assert said == {kind: set(builders) for kind, builders in types.TYPES.items()}


def test_the_three_tables_are_of_the_same_cases() -> None:
    cases = [[(row["vif_type"], row["case"]) for row in rows] for rows in (BECOMES, DONE, TESTED)]
    assert cases[0] == cases[1] == cases[2]
    assert len(set(cases[0])) == len(cases[0])


def test_no_cell_is_empty() -> None:
    assert empty_cells(BECOMES) + empty_cells(DONE) + empty_cells(TESTED) == []


def test_what_a_port_becomes_is_in_a_row() -> None:
    rows = {written(row, vnic_type) for row in BECOMES for vnic_type in quoted(row["vnic_type"])}
    assert made() - rows == set()


@pytest.mark.parametrize("row", BECOMES, ids=lambda row: f"{row['vif_type']} {row['case']}")
def test_a_row_is_what_a_port_becomes(row: Row) -> None:
    """VIF, port profile, plugin and libvirt's element; of a row's vnic_types one has a port, others are alike."""
    assert made() & {written(row, vnic_type) for vnic_type in quoted(row["vnic_type"])}


@pytest.mark.parametrize("row", BECOMES, ids=lambda row: f"{row['vif_type']} {row['case']}")
def test_objects_and_plugins_exist(row: Row) -> None:
    for name in re.findall(r"\bVIF\w+", f"{row['VIF']} {row['port profile']}"):
        assert hasattr(objects.vif, name)
    (plugin,) = quoted(row["plugin"])
    assert (plugin in ENTRY_POINTS) is not row["plugin"].endswith(VENDORS)


@pytest.mark.parametrize("row", TESTED, ids=lambda row: f"{row['vif_type']} {row['case']}")
def test_named_tests_exist(row: Row) -> None:
    assert names_tests(row["test"])
    assert list(missing_tests(row["test"])) == []
