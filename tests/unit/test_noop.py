"""The noop plugin takes any VIF, and says truly which versions it takes."""

import pytest
from tests.unit.objects import samples, strategies

from os_vif.objects import host_info, instance_info, vif
from vif_plug_noop import noop


@pytest.fixture
def plugin() -> noop.NoOpPlugin:
    return noop.NoOpPlugin.load("noop")


def test_describe(plugin: noop.NoOpPlugin) -> None:
    assert plugin.describe() == host_info.HostPluginInfo(
        plugin_name="noop",
        vif_info=[
            host_info.HostVIFInfo(
                vif_object_name="VIFVHostUser",
                min_version="1.0",
                max_version="1.1",
                supported_port_profiles=[],
            )
        ],
    )


def test_what_it_describes_can_be_negotiated(plugin: noop.NoOpPlugin) -> None:
    # os-vif 5.3.0 advertised 1.0 to 1.0, which no peer with VIFVHostUser 1.1 could take.
    assert plugin.describe().get_vif("VIFVHostUser").get_common_version() == "1.1"


@pytest.mark.parametrize("known", [c for c in strategies.CLASSES.values() if issubclass(c, vif.VIFBase)])
def test_any_vif_can_be_plugged_and_unplugged(plugin: noop.NoOpPlugin, known: type[vif.VIFBase]) -> None:
    card = samples.full(known)
    assert isinstance(card, vif.VIFBase)
    instance = instance_info.InstanceInfo(uuid=samples.PORT_ID, name="instance-00000001")
    for _ in range(2):
        plugin.plug(card, instance)
        plugin.unplug(card, instance)


def test_it_has_no_options(plugin: noop.NoOpPlugin) -> None:
    assert list(noop.NoOpPlugin.CONFIG_OPTS) == []
