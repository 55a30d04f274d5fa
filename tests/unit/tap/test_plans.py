"""What the tap plugin plans for a VIF, as data, and what it refuses, by the field's name."""

from __future__ import annotations

import pytest
from tests.vifs import bridge_vif, tap_vif, vif_id

from os_vif import exception, objects
from os_vif.host.plan import Plan, Tap
from os_vif.objects.vif import VIFBase, VIFGeneric, VIFPortProfileLinuxBridge, VIFPortProfileTap
from vif_plug_tap.tap import TapPlugin


@pytest.fixture
def plugin() -> TapPlugin:
    return TapPlugin.load("tap")


@pytest.mark.parametrize(
    ("vif", "expected"),
    [
        pytest.param(tap_vif(), Tap(name="tap1", disable_ipv6=None), id="as short as can be"),
        pytest.param(
            VIFGeneric(id=vif_id(1), vif_name="tap1"), Tap(name="tap1", disable_ipv6=None), id="older peer"
        ),
        pytest.param(tap_vif(mtu=1450), Tap(name="tap1", mtu=1450, disable_ipv6=None), id="MTU"),
        pytest.param(tap_vif(mtu=0), Tap(name="tap1", disable_ipv6=None), id="MTU 0: none said"),
        pytest.param(
            tap_vif(profile=VIFPortProfileTap(mac_address="00:61:fe:ed:ca:fe")),
            Tap(name="tap1", address="00:61:fe:ed:ca:fe", disable_ipv6=None),
            id="address",
        ),
        pytest.param(
            tap_vif(profile=VIFPortProfileTap(mac_address=None, multiqueue=True)),
            Tap(name="tap1", multiqueue=True, disable_ipv6=None),
            id="many queues",
        ),
    ],
)
def test_plan(vif: VIFGeneric, expected: Tap, plugin: TapPlugin) -> None:
    assert plugin.plan(vif, None) == Plan(vif_id(1), (expected,))


@pytest.mark.parametrize(
    ("vif", "field", "words"),
    [
        (bridge_vif(), "type", "plugs VIFGeneric, not VIFBridge"),
        (tap_vif(profile=VIFPortProfileLinuxBridge()), "port_profile", "not VIFPortProfileLinuxBridge"),
        (VIFGeneric(vif_name="tap1"), "id", "is not set"),
        (VIFGeneric(id=vif_id(1)), "vif_name", "is not set"),
        (tap_vif(name="sixteencharacter"), "vif_name", "16 bytes long"),
        (tap_vif(mtu=1), "network.mtu", "1 is not a size in bytes from 68 to 65535"),
    ],
)
def test_refusal_names_the_field(vif: VIFBase, field: str, words: str, plugin: TapPlugin) -> None:
    with pytest.raises(exception.InvalidVIF, match=words) as caught:
        plugin.plan(vif, None)
    assert caught.value.kwargs["field"] == field


def test_describes_what_it_takes(plugin: TapPlugin) -> None:
    info = plugin.describe()
    assert info.plugin_name == "tap"
    (vif_info,) = info.vif_info
    assert vif_info.vif_object_name == "VIFGeneric"
    (profile,) = vif_info.supported_port_profiles
    assert (profile.profile_object_name, profile.max_version) == ("VIFPortProfileTap", "1.0")
    assert isinstance(info, objects.host_info.HostPluginInfo)
