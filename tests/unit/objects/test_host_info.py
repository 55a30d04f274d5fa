"""HostInfo: what the network side asks of it, and what it is told when the answer is no."""

import pytest

from os_vif import exception
from os_vif.objects import host_info, vif


def vif_info(name: str, low: str = "1.0", high: str = "1.0") -> host_info.HostVIFInfo:
    return host_info.HostVIFInfo(
        vif_object_name=name, min_version=low, max_version=high, supported_port_profiles=[]
    )


def profile_info(name: str, low: str, high: str) -> host_info.HostPortProfileInfo:
    return host_info.HostPortProfileInfo(profile_object_name=name, min_version=low, max_version=high)


@pytest.fixture
def host() -> host_info.HostInfo:
    return host_info.HostInfo(
        plugin_info=[
            host_info.HostPluginInfo(plugin_name="noop", vif_info=[vif_info("VIFVHostUser")]),
            host_info.HostPluginInfo(
                plugin_name="ovs", vif_info=[vif_info("VIFBridge"), vif_info("VIFOpenVSwitch")]
            ),
        ]
    )


def test_lookups(host: host_info.HostInfo) -> None:
    assert host.has_plugin("ovs")
    assert not host.has_plugin("linux_bridge")
    ovs = host.get_plugin("ovs")
    assert ovs.has_vif("VIFBridge")
    assert not ovs.has_vif("VIFDirect")
    assert ovs.get_vif("VIFBridge").vif_object_name == "VIFBridge"


def test_a_missing_plugin_is_told_with_those_there_are(host: host_info.HostInfo) -> None:
    with pytest.raises(exception.NoMatchingPlugin, match=r"linux_bridge\. Installed: noop, ovs\.") as caught:
        host.get_plugin("linux_bridge")
    assert caught.value.kwargs["plugin_name"] == "linux_bridge"


def test_a_missing_vif_class_is_named(host: host_info.HostInfo) -> None:
    # os-vif 5.3.0 printed "%(name)s" here.
    with pytest.raises(exception.NoMatchingVIFClass, match="VIFDirect") as caught:
        host.get_plugin("ovs").get_vif("VIFDirect")
    assert "%" not in str(caught.value)


def test_filter_keeps_order_and_drops_empty_plugins(host: host_info.HostInfo) -> None:
    host.filter_vif_types(["VIFOpenVSwitch", "VIFBridge"])
    assert [plugin.plugin_name for plugin in host.plugin_info] == ["ovs"]
    assert [entry.vif_object_name for entry in host.plugin_info[0].vif_info] == [
        "VIFBridge",
        "VIFOpenVSwitch",
    ]


def test_filter_to_nothing(host: host_info.HostInfo) -> None:
    host.filter_vif_types([])
    assert host.plugin_info == []


@pytest.mark.parametrize(
    ("info", "common"),
    [
        (vif_info("VIFBridge"), "1.0"),
        (vif_info("VIFVHostUser", "1.0", "1.1"), vif.VIFVHostUser.VERSION),
        (vif_info("VIFVHostUser", "1.0", "1.10"), vif.VIFVHostUser.VERSION),
        (profile_info("VIFPortProfileOpenVSwitch", "1.0", "1.4"), "1.4"),
    ],
)
def test_common_version(info: host_info.HostVIFInfo | host_info.HostPortProfileInfo, common: str) -> None:
    assert info.get_common_version() == common


def test_no_common_version() -> None:
    with pytest.raises(exception.NoSupportedVIFVersion, match=r"takes 1\.0 to 1\.0, this side has 1\.1"):
        vif_info("VIFVHostUser").get_common_version()
    with pytest.raises(exception.NoSupportedPortProfileVersion, match=r"1\.4"):
        profile_info("VIFPortProfileOpenVSwitch", "1.0", "1.3").get_common_version()


def test_unknown_classes() -> None:
    # Twice: asking must not make the class known.
    for _ in range(2):
        with pytest.raises(exception.NoMatchingVIFClass, match="VIFTeleport"):
            vif_info("VIFTeleport").get_common_version()
        with pytest.raises(exception.NoMatchingPortProfileClass, match="VIFPortProfileTeleport"):
            profile_info("VIFPortProfileTeleport", "1.0", "1.0").get_common_version()


def test_str_is_the_primitive(host: host_info.HostInfo) -> None:
    assert str(host) == str(host.obj_to_primitive())
    assert str(host.plugin_info[0]) == str(host.plugin_info[0].obj_to_primitive())


def test_equal_by_content() -> None:
    assert vif_info("VIFBridge") == vif_info("VIFBridge")
    assert vif_info("VIFBridge") != vif_info("VIFGeneric")
