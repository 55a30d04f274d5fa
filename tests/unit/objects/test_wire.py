"""What is sent is what os-vif has always sent; what is received is checked, and faults are named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_versionedobjects import exception as ovo_exception
from tests.unit.objects import samples

from os_vif import exception, objects
from os_vif.objects import base, host_info, network, vif

GOLDEN = Path(__file__).parent / "golden"
DATA = "versioned_object.data"
NAME = "versioned_object.name"
VERSION = "versioned_object.version"

Primitive = dict[str, object]


def _host_vif(name: str, *profiles: str) -> host_info.HostVIFInfo:
    return host_info.HostVIFInfo(
        vif_object_name=name,
        min_version="1.0",
        max_version="1.0",
        supported_port_profiles=[
            host_info.HostPortProfileInfo(profile_object_name=profile, min_version="1.0", max_version="1.0")
            for profile in profiles
        ],
    )


def _host_info() -> host_info.HostInfo:
    both = ("VIFPortProfileOpenVSwitch", "VIFPortProfileOVSRepresentor")
    return host_info.HostInfo(
        plugin_info=[
            host_info.HostPluginInfo(plugin_name="noop", vif_info=[_host_vif("VIFVHostUser")]),
            host_info.HostPluginInfo(
                plugin_name="ovs",
                vif_info=[
                    _host_vif("VIFBridge", both[0]),
                    _host_vif("VIFOpenVSwitch", both[0]),
                    _host_vif("VIFVHostUser", *both),
                    _host_vif("VIFHostDevice", *both),
                ],
            ),
        ]
    )


@pytest.mark.parametrize(
    ("make", "name"), [(samples.vif_open_vswitch, "vif_open_vswitch"), (_host_info, "host_info")]
)
def test_golden(make: Callable[[], base.VersionedObject], name: str) -> None:
    text = (GOLDEN / f"{name}.json").read_text()
    assert json.loads(objects.to_json(make())) == json.loads(text)
    assert objects.to_json(make(), indent=1) + "\n" == text
    received = objects.from_json(text)
    assert received == objects.from_json(text.encode())
    assert objects.to_json(received, indent=1) + "\n" == text
    assert not received.obj_what_changed()


def _primitive() -> Primitive:
    primitive: Primitive = json.loads(objects.to_json(samples.vif_open_vswitch()))
    return primitive


def _at(primitive: object, path: str) -> Primitive:
    """Return the data of the sub-object at `path`, a dotted path of fields and list indices."""
    for part in path.split(".") if path else []:
        assert isinstance(primitive, dict)
        data = primitive[DATA]
        name, _, index = part.partition("[")
        primitive = data[name][int(index[:-1])] if index else data[name]
    assert isinstance(primitive, dict)
    return primitive


def _data(primitive: Primitive, path: str = "") -> Primitive:
    data = _at(primitive, path)[DATA]
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize(
    ("holder", "field", "value", "path"),
    [
        ("", "id", "not-a-uuid", "VIFOpenVSwitch.id"),
        ("", "id", 7, "VIFOpenVSwitch.id"),
        ("", "id", None, "VIFOpenVSwitch.id"),
        ("", "active", "false", "VIFOpenVSwitch.active"),
        ("", "active", 0, "VIFOpenVSwitch.active"),
        ("", "address", "fa:16:3e", "VIFOpenVSwitch.address"),
        ("", "plugin", ["ovs"], "VIFOpenVSwitch.plugin"),
        ("", "plugin", 5, "VIFOpenVSwitch.plugin"),
        ("", "network", "private", "VIFOpenVSwitch.network"),
        ("", "network", [], "VIFOpenVSwitch.network"),
        ("network", "mtu", "1450", "VIFOpenVSwitch.network.mtu"),
        ("network", "mtu", 1450.5, "VIFOpenVSwitch.network.mtu"),
        ("network", "mtu", True, "VIFOpenVSwitch.network.mtu"),
        ("network", "subnets", None, "VIFOpenVSwitch.network.subnets"),
        ("network.subnets", "objects", {}, "VIFOpenVSwitch.network.subnets.objects"),
        ("network.subnets", "objects", [None], "VIFOpenVSwitch.network.subnets.objects[0]"),
        (
            "network.subnets.objects[0]",
            "cidr",
            "10.0.0.0/99",
            "VIFOpenVSwitch.network.subnets.objects[0].cidr",
        ),
        ("network.subnets.objects[0]", "dns", "8.8.8.8", "VIFOpenVSwitch.network.subnets.objects[0].dns"),
        ("network.subnets.objects[0]", "dns", [134744072], "VIFOpenVSwitch.network.subnets.objects[0].dns"),
    ],
)
@pytest.mark.parametrize("tolerant", [False, True])
def test_a_bad_value_is_named(holder: str, field: str, value: object, path: str, tolerant: bool) -> None:
    primitive = _primitive()
    _data(primitive, holder)[field] = value
    with pytest.raises(exception.InvalidObject) as caught:
        objects.from_primitive(primitive, tolerant=tolerant)
    assert caught.value.kwargs["path"] == path
    assert str(caught.value).startswith(f"Invalid object: {path}: ")


@pytest.mark.parametrize("holder", ["", "network", "network.subnets.objects[0]"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        (NAME, None),
        (NAME, 5),
        (NAME, "VIFTeleport"),
        ("versioned_object.namespace", None),
        ("versioned_object.namespace", "nova"),
        ("versioned_object.namespace", []),
        (VERSION, None),
        (VERSION, 1.0),
        (VERSION, ""),
        (VERSION, "1"),
        (VERSION, "one.zero"),
        (VERSION, "1.0\n"),
        (VERSION, "1.0.0.0"),
        (VERSION, "1." + "9" * 5000),
        (DATA, None),
        (DATA, []),
        ("versioned_object.changes", 5),
        ("versioned_object.changes", [{}]),
    ],
)
def test_a_bad_envelope_is_named(holder: str, key: str, value: object) -> None:
    primitive = _primitive()
    _at(primitive, holder)[key] = value
    with pytest.raises(exception.InvalidObject) as caught:
        objects.from_primitive(primitive)
    top = "VIFOpenVSwitch"
    if key == NAME and not holder:
        top = value if isinstance(value, str) else "(top)"
    assert caught.value.kwargs["path"] == (f"{top}.{holder}" if holder else top)


@pytest.mark.parametrize("key", [NAME, "versioned_object.namespace", VERSION, DATA])
def test_a_missing_key_is_named(key: str) -> None:
    primitive = _primitive()
    del primitive[key]
    with pytest.raises(exception.InvalidObject, match=key):
        objects.from_primitive(primitive)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "VIFBridge",
        "[]",
        "5",
        "null",
        '"x"',
        "{",
        "{}",
        b"\xff\xfe\x00",
        "[" * 100_000,
        "1" * 5000,
        b"\x00",
    ],
)
def test_what_is_no_object_at_all(text: str | bytes) -> None:
    with pytest.raises(exception.InvalidObject):
        objects.from_json(text)


def test_a_sub_object_of_the_wrong_class() -> None:
    primitive = _primitive()
    _data(primitive)["network"] = _primitive()
    with pytest.raises(
        exception.InvalidObject, match=r"VIFOpenVSwitch\.network: must be a Network, not a VIFOpen"
    ):
        objects.from_primitive(primitive)


def test_fields_of_nobody_are_ignored() -> None:
    primitive = _primitive()
    _data(primitive)["qos_policy"] = {"rate": 5}
    assert objects.from_primitive(primitive) == objects.from_primitive(_primitive())


def test_an_older_version_stays_as_it_came() -> None:
    sent = json.loads(objects.to_json(samples.full(vif.VIFPortProfileOpenVSwitch), target_version="1.1"))
    received = objects.from_primitive(sent)
    assert received.VERSION == "1.1"
    assert "datapath_type" in received
    assert "create_port" not in received
    assert json.loads(objects.to_json(received)) == sent


def test_an_older_network_gets_its_defaults() -> None:
    received = objects.from_json(objects.to_json(network.Network(mtu=9000), target_version="1.0"))
    assert isinstance(received, network.Network)
    assert received.VERSION == "1.0"
    assert received.mtu is None
    assert len(received.subnets) == 0


@pytest.mark.parametrize("holder", ["", "network", "port_profile", "network.subnets.objects[0]"])
def test_a_newer_version_needs_tolerance(holder: str) -> None:
    primitive = _primitive()
    newer = _at(primitive, holder)
    newer[VERSION] = "1.99"
    _data(primitive, holder)["invented_later"] = [1, 2]
    with pytest.raises(ovo_exception.IncompatibleObjectVersion) as caught:
        objects.from_primitive(primitive)
    assert f"VIFOpenVSwitch{holder and '.'}{holder}: version 1.99" in str(caught.value)

    received = objects.from_primitive(primitive, tolerant=True)
    assert objects.to_json(received) == objects.to_json(objects.from_primitive(_primitive()))


def test_another_major_version_is_beyond_tolerance() -> None:
    primitive = _primitive()
    primitive[VERSION] = "2.0"
    with pytest.raises(ovo_exception.IncompatibleObjectVersion):
        objects.from_primitive(primitive, tolerant=True)


def test_the_third_part_of_a_version_is_for_stable_branches() -> None:
    primitive = _primitive()
    primitive[VERSION] = "1.0.7"
    assert objects.from_primitive(primitive).VERSION == "1.0.7"


@pytest.mark.parametrize("field", ["port_profile", "network"])
def test_an_unknown_class_is_left_out_where_one_can_do_without(field: str) -> None:
    primitive = _primitive()
    _at(primitive, field)[NAME] = "InventedLater"
    with pytest.raises(exception.InvalidObject, match=rf"VIFOpenVSwitch\.{field}: 'InventedLater'"):
        objects.from_primitive(primitive)
    received = objects.from_primitive(primitive, tolerant=True)
    assert field not in received
    assert "bridge_name" in received


@pytest.mark.parametrize("holder", ["", "network.subnets", "network.subnets.objects[0]"])
def test_an_unknown_class_is_an_error_elsewhere(holder: str) -> None:
    primitive = _primitive()
    _at(primitive, holder)[NAME] = "InventedLater"
    with pytest.raises(exception.InvalidObject, match="InventedLater"):
        objects.from_primitive(primitive, tolerant=True)


def test_an_unknown_offload_is_left_out_of_its_profile() -> None:
    primitive = json.loads(objects.to_json(samples.full(vif.VIFBridge)))
    _at(primitive, "port_profile.datapath_offload")[NAME] = "DatapathOffloadTeleport"
    received = objects.from_primitive(primitive, tolerant=True)
    assert isinstance(received, vif.VIFBridge)
    assert "datapath_offload" not in received.port_profile
    assert "interface_id" in received.port_profile


def test_unknown_entries_of_a_later_list_leave_it_out() -> None:
    primitive = json.loads(objects.to_json(_host_vif("VIFBridge", "VIFPortProfileOpenVSwitch")))
    _at(primitive, "supported_port_profiles[0]")[NAME] = "HostPortProfileRange"
    received = objects.from_primitive(primitive, tolerant=True)
    assert "supported_port_profiles" not in received


def test_changes_are_kept_as_they_were_sent() -> None:
    sent = vif.VIFBridge(vif_name="tap0").obj_to_primitive()
    assert objects.from_primitive(sent).obj_what_changed() == {"vif_name"}
    assert "versioned_object.changes" not in objects.to_json(vif.VIFBridge(vif_name="tap0"))


def test_a_newer_target_than_the_class() -> None:
    with pytest.raises(ovo_exception.InvalidTargetVersion):
        objects.to_json(vif.VIFBridge(), target_version="1.1")
