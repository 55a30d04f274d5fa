"""What a plugin is: PluginBase (the contract of every os-vif plugin) and PlannedPlugin (the easy way to write one).

A PluginBase does its work itself in `plug` and `unplug`. A PlannedPlugin only says what must be on the host, as a
Plan; plug, unplug, check, repair and readiness follow from it, for one VIF or a thousand.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from oslo_config import cfg

from os_vif import exception

if TYPE_CHECKING:
    from os_vif.host.engine import Job
    from os_vif.host.passes import Runner
    from os_vif.host.plan import Plan
    from os_vif.objects.host_info import HostPluginInfo
    from os_vif.objects.instance_info import InstanceInfo
    from os_vif.objects.vif import VIFBase


class PluginBase(metaclass=abc.ABCMeta):
    """A plugin: a class whose instances plug and unplug VIFs; found through the entry point group `os_vif`."""

    CONFIG_OPTS: ClassVar[Sequence[cfg.Opt]] = []
    """The plugin's options; they are registered in the section [os_vif_<entry point name>]."""

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        """Store the plugin's section of the configuration; called once by `load`."""
        self.config = config

    @abc.abstractmethod
    def describe(self) -> HostPluginInfo:
        """Say which VIF types, port profiles and versions of them this plugin takes; called by os_vif.host_info."""

    @abc.abstractmethod
    def plug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        """Connect the VIF; called by os_vif.plug before the guest starts, and again whenever a service restarts.

        It must succeed, and disturb nothing, where the VIF is plugged already. What it raises reaches the caller as
        PlugException.err.
        """

    @abc.abstractmethod
    def unplug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        """Disconnect the VIF; called by os_vif.unplug after the guest is gone, also when plug failed half-way.

        It must succeed where there is nothing left to do. What it raises reaches the caller as UnplugException.err.
        """

    @classmethod
    def load(cls, plugin_name: str) -> Self:
        """Make the plugin that the entry point `plugin_name` names; called once by os_vif.initialize.

        Registers CONFIG_OPTS in the section os_vif_<plugin_name>; a plugin without options registers nothing.
        """
        group = cfg.OptGroup("os_vif_" + plugin_name)
        if not cls.CONFIG_OPTS:
            return cls(cfg.ConfigOpts.GroupAttr(cfg.ConfigOpts(), group))
        cfg.CONF.register_group(group)
        cfg.CONF.register_opts(cls.CONFIG_OPTS, group=group)
        return cls(getattr(cfg.CONF, group.name))


class PlannedPlugin(PluginBase):
    """A plugin that turns a VIF into a plan and leaves the work to the engine.

    To write one, implement `describe` and `plan`.
    """

    @abc.abstractmethod
    def plan(self, vif: VIFBase, instance_info: InstanceInfo | None) -> Plan:
        """Say what must be on this host while the VIF is plugged.

        A pure function of its arguments and self.config: it looks at nothing on the host and does nothing to it.
        Called for every verb, unplug included, so it must work with what the VIF says alone.

        :raises os_vif.exception.InvalidVIF: naming the field, if the VIF cannot be planned
        """

    def runner(self) -> Runner:
        """Who runs this plugin's steps with privileges; override to use a privsep context of the plugin's own."""
        from os_vif.host import privsep

        return privsep.run

    def job(self, vif: VIFBase, instance_info: InstanceInfo | None) -> Job:
        """The VIF's plan with the runner for it: what the engine takes."""
        from os_vif.host.engine import Job
        from os_vif.host.plan import Plan

        try:
            plan = self.plan(vif, instance_info)
        except NotImplementedError as error:  # what oslo.versionedobjects raises for a field that is not set
            field = re.search(r"'(\w+)'", str(error))
            vif_id = vif.id if "id" in vif else None
            name = field[1] if field else "a field"
            raise exception.InvalidVIF(vif_id=vif_id, field=name, reason="is not set") from error
        if not isinstance(plan, Plan):
            raise TypeError(f"plan() of {type(self).__name__} returned {type(plan).__name__}, not a Plan")
        return Job(plan, self.runner())

    def plug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        """Make the plan true; what is right already is not touched, a failed plug is rolled back."""
        from os_vif.host import engine

        _raise(engine.apply([self.job(vif, instance_info)]))

    def unplug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        """Remove what the VIF owns, and nothing else."""
        from os_vif.host import engine

        _raise(engine.remove([self.job(vif, instance_info)]))


def _raise(outcomes: Sequence[Exception | None]) -> None:
    for error in outcomes:
        if error is not None:
            raise error
