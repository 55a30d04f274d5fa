"""Any object can be written at any version it ever had, for a peer of that age, manifest or none."""

import pytest
from oslo_versionedobjects import base as ovo_base
from tests.unit.objects import samples, strategies

from os_vif.objects import base, host_info, network, vif

DATA = "versioned_object.data"
VERSION = "versioned_object.version"

OVS_1_0 = {"interface_id", "profile_id"}


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("1.0", OVS_1_0),
        ("1.1", OVS_1_0 | {"datapath_type"}),
        ("1.2", OVS_1_0 | {"datapath_type", "datapath_offload"}),
        ("1.3", OVS_1_0 | {"datapath_type", "datapath_offload", "create_port"}),
        (
            "1.4",
            OVS_1_0 | {"datapath_type", "datapath_offload", "create_port", "create_tap", "multiqueue"},
        ),
    ],
)
@pytest.mark.parametrize(
    ("known", "own"),
    [
        (vif.VIFPortProfileOpenVSwitch, set()),
        (vif.VIFPortProfileFPOpenVSwitch, {"bridge_name", "hybrid_plug"}),
        (vif.VIFPortProfileOVSRepresentor, {"representor_name", "representor_address"}),
    ],
)
def test_open_vswitch_profiles(
    known: type[base.VersionedObject], own: set[str], version: str, names: set[str]
) -> None:
    primitive = samples.full(known).obj_to_primitive(target_version=version)
    assert set(primitive[DATA]) == names | own
    if "datapath_offload" in names:
        assert primitive[DATA]["datapath_offload"][VERSION] == "1.0"


@pytest.mark.parametrize(
    ("known", "lost"),
    [
        (network.Network, "mtu"),
        (vif.VIFVHostUser, "vif_name"),
        (host_info.HostVIFInfo, "supported_port_profiles"),
        (vif.VIFPortProfileBase, "datapath_offload"),
        (vif.VIFPortProfileFPBridge, "datapath_offload"),
        (vif.VIFPortProfileFPTap, "datapath_offload"),
        (vif.VIFPortProfile8021Qbg, "datapath_offload"),
        (vif.VIFPortProfile8021Qbh, "datapath_offload"),
        (vif.VIFPortProfileK8sDPDK, "datapath_offload"),
    ],
)
def test_what_1_1_added(known: type[base.VersionedObject], lost: str) -> None:
    primitive = samples.full(known).obj_to_primitive(target_version="1.0")
    assert set(known.fields) - set(primitive[DATA]) == {lost}
    assert set(samples.full(known).obj_to_primitive()[DATA]) == set(known.fields)


def test_the_bridge_profile_was_born_with_an_offload() -> None:
    primitive = samples.full(vif.VIFPortProfileLinuxBridge).obj_to_primitive(target_version="1.0")
    assert "datapath_offload" in primitive[DATA]


def test_sub_objects_go_back_with_the_vif_that_holds_them() -> None:
    # VIFVHostUser 1.0 is from before os-vif 1.4.0, Network 1.1 from 1.3.0, and no profile had a 1.1 then.
    primitive = samples.full(vif.VIFVHostUser).obj_to_primitive(target_version="1.0")
    held = primitive[DATA]["network"]
    assert (held[VERSION], "mtu" in held[DATA]) == ("1.0", False)
    profile = primitive[DATA]["port_profile"]
    assert (profile[VERSION], set(profile[DATA])) == ("1.0", OVS_1_0)


def test_null_sub_objects_stay_null() -> None:
    card = vif.VIFVHostUser(network=None, port_profile=vif.VIFPortProfileBase(datapath_offload=None))
    data = card.obj_to_primitive(target_version="1.0")[DATA]
    assert data["network"] is None
    assert data["port_profile"][DATA] == {}


def test_a_manifest_reaches_the_sub_objects() -> None:
    manifest = {"Network": "1.0", "SubnetList": "1.0", "Subnet": "1.0", "VIFPortProfileOpenVSwitch": "1.3"}
    data = samples.full(vif.VIFBridge).obj_to_primitive(version_manifest=manifest)[DATA]
    assert data["network"][VERSION] == "1.0"
    assert "mtu" not in data["network"][DATA]
    assert data["port_profile"][VERSION] == "1.3"
    assert set(data["port_profile"][DATA]) >= {"create_port"}
    assert "create_tap" not in data["port_profile"][DATA]


def test_a_manifest_that_knows_only_the_base_profile() -> None:
    # That is all obj_tree_get_versions() can find; the base's version number is one the profile had too.
    manifest = ovo_base.obj_tree_get_versions("VIFBridge")
    assert "VIFPortProfileOpenVSwitch" not in manifest
    data = samples.full(vif.VIFBridge).obj_to_primitive(version_manifest=manifest)[DATA]
    assert data["network"][VERSION] == "1.1"
    assert data["port_profile"][VERSION] == "1.1"
    assert set(data["port_profile"][DATA]) == OVS_1_0 | {"datapath_type"}


def test_a_manifest_of_a_newer_peer_raises_no_version() -> None:
    manifest = {"Network": "1.7", "VIFPortProfileBase": "1.7"}
    card = samples.full(vif.VIFBridge)
    data = card.obj_to_primitive(version_manifest=manifest)[DATA]
    assert data["network"][VERSION] == "1.1"
    assert data["port_profile"][VERSION] == "1.4"


def test_a_manifest_reaches_lists() -> None:
    manifest = {"HostPluginInfo": "1.0", "HostVIFInfo": "1.0"}
    host = samples.full(host_info.HostInfo).obj_to_primitive(version_manifest=manifest)
    (plugin,) = host[DATA]["plugin_info"]
    (entry,) = plugin[DATA]["vif_info"]
    assert entry[VERSION] == "1.0"
    assert "supported_port_profiles" not in entry[DATA]


@pytest.mark.parametrize(
    ("known", "version"),
    [(known, version) for known in strategies.CLASSES.values() for version in strategies.versions(known)],
)
def test_every_class_goes_back_to_every_version(known: type[base.VersionedObject], version: str) -> None:
    primitive = samples.full(known).obj_to_primitive(target_version=version)
    assert primitive[VERSION] == version
    assert set(primitive.get("versioned_object.changes", [])) <= set(primitive[DATA])
