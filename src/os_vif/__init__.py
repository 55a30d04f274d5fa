"""os-vif: connects a virtual machine's network card to the network of its host.

The library's face. A VIF (os_vif.objects.vif) says how a network card is to be connected and names the plugin that
knows how; the functions here find the plugin and have it done:

    initialize()                          once, before anything else
    plug(), unplug()                      one VIF, as every os-vif has had them
    plug_many(), unplug_many()            any number of VIFs in one pass
    plan(), check(), repair()             what would be on the host, what differs, mending it
    wait_ready()                          return when the VIF has been seen to be connected
    host_info()                           what this host can do, for the network side
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from os_vif import exception

# Importing os_vif stays cheap, for `os-vif --help` and shell completion: what the functions need (the objects with
# oslo.versionedobjects, stevedore, the engine) is imported when they are called.
if TYPE_CHECKING:
    from stevedore import extension

    from os_vif.host.differences import Difference
    from os_vif.host.engine import Job
    from os_vif.host.plan import Plan
    from os_vif.objects.host_info import HostInfo
    from os_vif.objects.instance_info import InstanceInfo
    from os_vif.objects.vif import VIFBase
    from os_vif.plugin import PlannedPlugin, PluginBase

__all__ = [
    "check",
    "host_info",
    "initialize",
    "job",
    "plan",
    "plug",
    "plug_many",
    "repair",
    "unplug",
    "unplug_many",
    "wait_ready",
]

_EXT_MANAGER: extension.ExtensionManager[Any] | None = None  # None: not initialized
_FAILED: dict[str, str] = {}  # plugins whose load() failed: name to cause

_DISTRIBUTION = "os-vif"

LOG = logging.getLogger(__name__)


def initialize(reset: bool = False) -> None:
    """Register the object classes and load all plugins that are installed (entry points of group `os_vif`).

    A plugin that cannot be loaded is logged with its cause and left out; the others work. Where another distribution
    has a plugin of a name that this one has too, it is the other one's that is used.

    :param reset: load the plugins again, even if they are loaded already
    """
    from stevedore import extension

    from os_vif import objects

    global _EXT_MANAGER
    if _EXT_MANAGER is None:
        objects.register_all()
    elif not reset:
        return
    manager: extension.ExtensionManager[Any] = extension.ExtensionManager(
        namespace="os_vif", invoke_on_load=False
    )
    _leave_to_vendors(manager)
    _FAILED.clear()
    loaded = []
    for name in manager.names():
        try:
            manager[name].obj = manager[name].plugin.load(name)
            loaded.append(name)
        except Exception as error:
            LOG.exception("VIF plugin %s could not be loaded and is left out", name)
            _FAILED[name] = f"{type(error).__name__}: {error}"
    _EXT_MANAGER = manager
    LOG.info("Loaded VIF plugins: %s", ", ".join(loaded))


def _leave_to_vendors(manager: extension.ExtensionManager[Any]) -> None:
    """Drop our plugins that another distribution has as well, whether that one can be imported or not: a vendor's own
    knows its switch better than our stand-in, and must not be replaced by it unnoticed when it breaks.
    """
    from importlib import metadata

    ours: set[tuple[str, str]] = set()
    theirs: set[tuple[str, str]] = set()
    for entry_point in metadata.entry_points(group="os_vif"):
        name = entry_point.dist.name if entry_point.dist is not None else ""
        is_ours = re.sub(r"[-_.]+", "-", name).lower() == _DISTRIBUTION
        (ours if is_ours else theirs).add((entry_point.name, entry_point.value))
    replaced = {name for name, _ in ours} & {name for name, _ in theirs}
    if replaced:
        LOG.info("Left to other distributions: VIF plugins %s", ", ".join(sorted(replaced)))
        manager.extensions = [
            e for e in manager.extensions if e.name not in replaced or (e.name, e.entry_point.value) in theirs
        ]


def plug(vif: VIFBase, instance_info: InstanceInfo) -> None:
    """Connect a VIF to this host's network; call it before the guest starts, and again as often as you like.

    What is right already is not touched. A plug that fails leaves the host as it found it, if the plugin is a
    PlannedPlugin (all plugins of this distribution are).

    :param vif: the VIF; `vif.plugin` names the plugin
    :param instance_info: the guest it belongs to
    :raises os_vif.exception.LibraryNotInitialized: before initialize()
    :raises os_vif.exception.NoMatchingPlugin: there is no such plugin here
    :raises os_vif.exception.PlugException: anything else; the plugin's own exception is its `err` and its cause
    """
    plugin = _plugin(vif)
    LOG.debug("Plugging VIF %s", vif)
    try:
        plugin.plug(vif, instance_info)
    except Exception as error:
        LOG.exception("Failed to plug VIF %s", vif)
        raise exception.PlugException(vif=vif, err=error) from error
    LOG.info("Successfully plugged VIF %s", vif)


def unplug(vif: VIFBase, instance_info: InstanceInfo) -> None:
    """Disconnect a VIF: remove what exists for it alone, also if it was plugged by another process or only half.

    Objects shared with other VIFs (bridges, VLAN devices, filter rules) stay. It succeeds where nothing is left.

    :raises os_vif.exception.UnplugException: naming what could not be removed; otherwise as plug()
    """
    plugin = _plugin(vif)
    LOG.debug("Unplugging VIF %s", vif)
    try:
        plugin.unplug(vif, instance_info)
    except Exception as error:
        LOG.exception("Failed to unplug VIF %s", vif)
        raise exception.UnplugException(vif=vif, err=error) from error
    LOG.info("Successfully unplugged VIF %s", vif)


def host_info(permitted_vif_type_names: list[str] | None = None) -> HostInfo:
    """Say which plugins are installed on this host and which VIF types, in which versions, each of them takes.

    :param permitted_vif_type_names: names of VIF classes; all others are left out, as are plugins left with none
    """
    from os_vif import objects

    manager = _manager()
    described = []
    for name in sorted(manager.names()):
        plugin = manager[name].obj
        if plugin is None:
            continue
        try:
            described.append(plugin.describe())
        except Exception:
            LOG.exception("VIF plugin %s could not say what it does and is left out", name)
    info = objects.host_info.HostInfo(plugin_info=described)
    if permitted_vif_type_names is not None:
        info.filter_vif_types(permitted_vif_type_names)
    return info


def plan(vif: VIFBase, instance_info: InstanceInfo | None = None) -> Plan:
    """Say what plug() would put on this host, without looking at it and without privileges.

    :raises os_vif.exception.CheckNotSupported: the VIF's plugin does its work itself and has no plans
    :raises os_vif.exception.InvalidVIF: naming the field because of which the VIF cannot be plugged
    """
    return job(vif, instance_info).plan


def check(vif: VIFBase, instance_info: InstanceInfo | None = None) -> list[Difference]:
    """Compare the host with what the VIF needs, object by object; nothing is changed.

    :returns: what is missing or different; an empty list means that the VIF is plugged as it should be. `str()` of
        each says it in words, `.resource`, `.attribute`, `.expected` and `.actual` say it as data.
    :raises os_vif.exception.CheckNotSupported: the VIF's plugin does its work itself and has no plans
    """
    from os_vif.host import engine

    return engine.check([job(vif, instance_info)])[0]


def repair(vif: VIFBase, instance_info: InstanceInfo | None = None) -> list[Difference]:
    """Mend what differs from what the VIF needs, also in objects it shares with others, which plug() leaves alone.

    :returns: what was mended (as check() would have returned it). What others have to mend is not among it.
    :raises os_vif.exception.PlugException: something could not be mended; the host is as it was before
    """
    from os_vif.host import engine

    wanted = job(vif, instance_info)
    found = [d for d in engine.check([wanted])[0] if d.remedy != "wait"]
    if found:
        error = engine.apply([wanted], force=True)[0]
        if error is not None:
            raise exception.PlugException(vif=vif, err=error) from error
    return found


def wait_ready(vif: VIFBase, timeout: float = 60.0, instance_info: InstanceInfo | None = None) -> None:
    """Return when the VIF has been seen to be connected: everything it needs is there, up, and in its bridge.

    It waits on the notifications of the kernel and of Open vSwitch. A tap that the hypervisor makes when the guest
    starts is waited for only where its port in Open vSwitch is made here.

    :param timeout: seconds; 0 looks once
    :raises os_vif.exception.NotReady: after `timeout`, with everything that is still missing
    :raises os_vif.exception.CheckNotSupported: the VIF's plugin does its work itself and has no plans
    """
    from os_vif.host import engine

    engine.wait_ready(job(vif, instance_info), timeout)


def job(vif: VIFBase, instance_info: InstanceInfo | None = None) -> Job:
    """The VIF's plan with who runs its steps, for programs that work with os_vif.host.engine themselves.

    :raises os_vif.exception.CheckNotSupported: the VIF's plugin does its work itself and has no plans
    :raises os_vif.exception.InvalidVIF: naming the field because of which the VIF cannot be plugged
    """
    return _planned(vif).job(vif, instance_info)


def plug_many(vifs: Iterable[tuple[VIFBase, InstanceInfo]]) -> None:
    """Connect any number of VIFs in one pass over the host, which is many times faster than one by one.

    Each VIF stands for itself: those that fail are rolled back, the others stay plugged.

    :param vifs: pairs of a VIF and the guest it belongs to
    :raises os_vif.exception.BulkError: at the end, if any failed; its `errors` map VIF ids to PlugExceptions
    """
    from os_vif.host import engine

    _many(vifs, engine.apply, "plug", exception.PlugException)


def unplug_many(vifs: Iterable[tuple[VIFBase, InstanceInfo]]) -> None:
    """Disconnect any number of VIFs in one pass; each as unplug() does it, going on when one fails.

    :raises os_vif.exception.BulkError: at the end, if any failed; its `errors` map VIF ids to UnplugExceptions
    """
    from os_vif.host import engine

    _many(vifs, engine.remove, "unplug", exception.UnplugException)


def _many(
    vifs: Iterable[tuple[VIFBase, InstanceInfo]],
    act: Callable[[list[Job]], list[Exception | None]],
    verb: str,
    failure: type[exception.PlugException | exception.UnplugException],
) -> None:
    from os_vif.plugin import PlannedPlugin

    _manager()
    errors: dict[str, Exception] = {}
    planned: list[tuple[VIFBase, Job]] = []
    for vif, instance_info in vifs:
        try:
            plugin = _plugin(vif)
            if isinstance(plugin, PlannedPlugin):
                planned.append((vif, plugin.job(vif, instance_info)))
            elif verb == "plug":
                plugin.plug(vif, instance_info)
            else:
                plugin.unplug(vif, instance_info)
        except Exception as error:  # noqa: BLE001  # told to the caller, VIF by VIF
            _note(errors, vif, error, failure)
    LOG.debug("To %s in one pass: %d VIFs", verb, len(planned))
    try:
        outcomes = act([job for _, job in planned])
    except Exception as error:  # noqa: BLE001  # the host could not even be looked at
        outcomes = [error] * len(planned)
    for (vif, _), outcome in zip(planned, outcomes, strict=True):
        if outcome is not None:
            _note(errors, vif, outcome, failure)
    if errors:
        raise exception.BulkError(errors)


def _note(
    errors: dict[str, Exception],
    vif: VIFBase,
    error: Exception,
    failure: type[exception.PlugException | exception.UnplugException],
) -> None:
    wrapped = failure(vif=vif, err=error)
    wrapped.__cause__ = error
    known = _has(vif, "id")
    key = str(vif.id) if known else f"(VIF without an id, number {len(errors) + 1} of those that failed)"
    errors[key] = wrapped
    LOG.error("VIF %s: %s", key, error)


def _has(vif: VIFBase, field: str) -> bool:
    """Whether it is a versioned object, and the field is set."""
    return hasattr(vif, "obj_attr_is_set") and field in vif


def _manager() -> extension.ExtensionManager[Any]:
    if _EXT_MANAGER is None:
        raise exception.LibraryNotInitialized
    return _EXT_MANAGER


def _plugin(vif: VIFBase) -> PluginBase:
    manager = _manager()
    name = vif.plugin if _has(vif, "plugin") else ""
    try:
        plugin: PluginBase | None = manager[name].obj
    except KeyError:
        plugin = None
    if plugin is None:
        raise exception.NoMatchingPlugin(
            plugin_name=name or "(the VIF names none)",
            installed=[n for n in manager.names() if manager[n].obj is not None],
            failed=_FAILED | _unimportable(manager),
        )
    return plugin


def _unimportable(manager: extension.ExtensionManager[Any]) -> dict[str, str]:
    """Plugins that are installed but could not be imported, and why; stevedore has logged them and gone on."""
    from importlib import metadata

    causes = {}
    for entry_point in metadata.entry_points(group="os_vif"):
        if entry_point.name not in manager.names():
            try:
                entry_point.load()
            except Exception as error:  # noqa: BLE001  # it is the answer
                causes[entry_point.name] = f"{type(error).__name__}: {error}"
    return causes


def _planned(vif: VIFBase) -> PlannedPlugin:
    from os_vif.plugin import PlannedPlugin

    plugin = _plugin(vif)
    if not isinstance(plugin, PlannedPlugin):
        raise exception.CheckNotSupported(plugin_name=vif.plugin)
    return plugin
