"""What a plugin's class gives it: its section of the configuration, and for a planned one all verbs."""

from __future__ import annotations

from typing import Any

import pytest
from oslo_config import cfg
from tests.vifs import INSTANCE, bridge_vif

from os_vif.host import privsep
from os_vif.host.plan import Plan
from os_vif.objects.host_info import HostPluginInfo
from os_vif.plugin import PlannedPlugin, PluginBase


class Minimal(PluginBase):
    def describe(self) -> HostPluginInfo:
        raise NotImplementedError

    def plug(self, vif: Any, instance_info: Any) -> None:
        raise NotImplementedError

    def unplug(self, vif: Any, instance_info: Any) -> None:
        raise NotImplementedError


class Configured(Minimal):
    CONFIG_OPTS = (cfg.StrOpt("colour", default="green"), cfg.IntOpt("size", default=3))


class Planned(PlannedPlugin):
    def describe(self) -> HostPluginInfo:
        raise NotImplementedError

    def plan(self, vif: Any, instance_info: Any) -> Plan:
        return Plan(vif.id)


def test_a_plugin_has_all_three_methods() -> None:
    with pytest.raises(TypeError, match="abstract"):
        PluginBase(None)  # type: ignore[abstract,arg-type]


def test_options_are_in_the_section_of_the_entry_point() -> None:
    plugin = Configured.load("test_colours")
    assert (plugin.config.colour, plugin.config.size) == ("green", 3)
    cfg.CONF.set_override("colour", "red", "os_vif_test_colours")
    assert plugin.config.colour == "red"
    assert Configured.load("test_colours").config.colour == "red"  # again, with the same options
    cfg.CONF.clear_override("colour", "os_vif_test_colours")


def test_a_plugin_without_options_registers_nothing() -> None:
    plugin = Minimal.load("test_nothing")
    assert isinstance(plugin.config, cfg.ConfigOpts.GroupAttr)
    assert not hasattr(cfg.CONF, "os_vif_test_nothing")


def test_a_plan_is_enough() -> None:
    """An empty one is made true, and taken away, by any process."""
    plugin = Planned.load("test_planned")
    vif = bridge_vif()
    plugin.plug(vif, INSTANCE)
    plugin.unplug(vif, INSTANCE)
    job = plugin.job(vif, None)
    assert job.plan == Plan(vif.id)
    assert job.runner is privsep.run
