"""The functions of os_vif as their callers know them: Nova, Neutron, third-party plugins and their tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from oslo_config import cfg
from stevedore import extension
from tests.vifs import INSTANCE, bridge_vif, vif_id

import os_vif
from os_vif import exception, objects
from os_vif.host.plan import Link, Plan
from os_vif.objects.host_info import HostPluginInfo, HostVIFInfo
from os_vif.objects.instance_info import InstanceInfo
from os_vif.objects.vif import VIFBase
from os_vif.plugin import PlannedPlugin, PluginBase


class ThirdParty(PluginBase):
    """Does its work itself, as plugins of other projects do."""

    CONFIG_OPTS = (cfg.StrOpt("colour", default="green"),)

    def __init__(self, config: cfg.ConfigOpts.GroupAttr) -> None:
        super().__init__(config)
        self.calls: list[tuple[str, object, object]] = []

    def describe(self) -> HostPluginInfo:
        return _describe("third_party", "VIFGeneric", "VIFVHostUser")

    def plug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        self.calls.append(("plug", vif, instance_info))
        if vif.id == vif_id(13):
            raise OSError("no luck")

    def unplug(self, vif: VIFBase, instance_info: InstanceInfo) -> None:
        self.calls.append(("unplug", vif, instance_info))
        if vif.id == vif_id(13):
            raise OSError("no luck")


class Planned(PlannedPlugin):
    """Needs only lo, which is on every host."""

    def describe(self) -> HostPluginInfo:
        return _describe("planned", "VIFBridge")

    def plan(self, vif: VIFBase, instance_info: InstanceInfo | None) -> Plan:
        if vif.id == vif_id(13):
            raise exception.InvalidVIF(vif_id=vif.id, field="id", reason="is 13")
        return Plan(str(vif.id), (Link(name="lo"),))


class Broken(ThirdParty):
    @classmethod
    def load(cls, plugin_name: str) -> Broken:
        raise RuntimeError("its library is too old")


def _describe(name: str, *vifs: str) -> HostPluginInfo:
    info = [
        HostVIFInfo(vif_object_name=vif, min_version="1.0", max_version="1.0", supported_port_profiles=[])
        for vif in vifs
    ]
    return HostPluginInfo(plugin_name=name, vif_info=info)


@pytest.fixture(autouse=True)
def uninitialized(monkeypatch: pytest.MonkeyPatch) -> None:
    """As upstream's own tests have it."""
    monkeypatch.setattr(os_vif, "_EXT_MANAGER", None)


@pytest.fixture
def plugins() -> Iterator[dict[str, PluginBase]]:
    """Initialized with a plugin of each sort, one of which fails to load."""
    classes: dict[str, type[Any]] = {"planned": Planned, "third_party": ThirdParty, "broken": Broken}
    found = [extension.Extension(name, mock.Mock(), plugin, None) for name, plugin in classes.items()]
    manager = extension.ExtensionManager.make_test_instance(found, namespace="os_vif")
    with mock.patch.object(extension, "ExtensionManager", return_value=manager):
        os_vif.initialize()
        yield {name: obj for name in classes if (obj := manager[name].obj) is not None}


def vif(number: int, plugin: str) -> objects.vif.VIFGeneric:
    return objects.vif.VIFGeneric(id=vif_id(number), plugin=plugin, vif_name=f"tap{number}")


NOTHING: Any = None


@pytest.mark.parametrize(
    "function",
    [
        lambda: os_vif.plug(NOTHING, NOTHING),
        lambda: os_vif.unplug(NOTHING, NOTHING),
        lambda: os_vif.host_info(),
        lambda: os_vif.plan(NOTHING),
        lambda: os_vif.check(NOTHING),
        lambda: os_vif.repair(NOTHING),
        lambda: os_vif.wait_ready(NOTHING),
        lambda: os_vif.plug_many(NOTHING),
        lambda: os_vif.unplug_many(NOTHING),
    ],
)
def test_not_initialized(function: Callable[[], object]) -> None:
    """Told before the arguments are looked at."""
    with pytest.raises(exception.LibraryNotInitialized):
        function()


def test_initialize_loads_the_plugins_once() -> None:
    with mock.patch("stevedore.extension.ExtensionManager") as manager:
        os_vif.initialize()
        os_vif.initialize()
        manager.assert_called_once_with(namespace="os_vif", invoke_on_load=False)
        os_vif.initialize(reset=True)
        assert manager.call_count == 2
    assert os_vif._EXT_MANAGER is not None


def test_the_plugins_of_this_distribution() -> None:
    os_vif.initialize()
    names = [plugin.plugin_name for plugin in os_vif.host_info().plugin_info]
    assert {"linux_bridge", "noop"} <= set(names)
    assert names == sorted(names)


def test_plug_and_unplug_reach_the_plugin(plugins: dict[str, PluginBase]) -> None:
    os_vif.plug(vif(1, "third_party"), INSTANCE)
    os_vif.unplug(vif(1, "third_party"), INSTANCE)
    plugin = plugins["third_party"]
    assert isinstance(plugin, ThirdParty)
    assert [(verb, v.id, instance) for verb, v, instance in plugin.calls] == [  # type: ignore[attr-defined]
        ("plug", vif_id(1), INSTANCE),
        ("unplug", vif_id(1), INSTANCE),
    ]


@pytest.mark.parametrize(
    ("function", "kind"),
    [(os_vif.plug, exception.PlugException), (os_vif.unplug, exception.UnplugException)],
)
def test_errors_of_a_plugin(
    function: Callable[..., None], kind: type[Exception], plugins: dict[str, PluginBase]
) -> None:
    unlucky = vif(13, "third_party")
    with pytest.raises(kind, match="no luck") as caught:
        function(unlucky, INSTANCE)
    assert caught.value.kwargs["vif"] is unlucky  # type: ignore[attr-defined]
    assert isinstance(caught.value.kwargs["err"], OSError)  # type: ignore[attr-defined]
    assert caught.value.__cause__ is caught.value.kwargs["err"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "function", [os_vif.plug, os_vif.unplug, os_vif.plan, os_vif.check, os_vif.wait_ready]
)
@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (objects.vif.VIFGeneric(id=vif_id(1), plugin="nonesuch"), "nonesuch"),
        (objects.vif.VIFGeneric(id=vif_id(1), plugin="broken"), "broken"),
        (objects.vif.VIFGeneric(id=vif_id(1)), "names none"),
        (None, "names none"),
        ({"plugin": "planned"}, "names none"),
        ("planned", "names none"),
    ],
    ids=["unknown", "failed to load", "no plugin", "None", "dict", "str"],
)  # fmt: skip
def test_no_such_plugin(
    function: Callable[..., object], bad: object, name: str, plugins: dict[str, PluginBase]
) -> None:
    """The error says which there are, and why others are not among them."""
    with pytest.raises(exception.NoMatchingPlugin) as caught:
        function(bad, INSTANCE)
    assert name in str(caught.value)
    assert "Installed: planned, third_party." in str(caught.value)
    assert "broken (RuntimeError: its library is too old)" in str(caught.value)


def test_a_plugin_that_cannot_be_imported_stops_no_other() -> None:
    """stevedore leaves it out; the error that misses it says why."""
    entry_point = mock.Mock()
    entry_point.name = "unimportable"
    entry_point.load.side_effect = ImportError("no module named leftpad")
    os_vif.initialize()
    with (
        mock.patch("importlib.metadata.entry_points", return_value=[entry_point]),
        pytest.raises(
            exception.NoMatchingPlugin, match=r"unimportable \(ImportError: no module named leftpad\)"
        ),
    ):
        os_vif.plug(vif(1, "unimportable"), INSTANCE)
    assert os_vif.plan(bridge_vif()).vif_id == vif_id(1)


def test_host_info_is_sorted_and_filtered(plugins: dict[str, PluginBase]) -> None:
    assert [p.plugin_name for p in os_vif.host_info().plugin_info] == ["planned", "third_party"]
    filtered = os_vif.host_info(permitted_vif_type_names=["VIFVHostUser"])
    assert [(p.plugin_name, [v.vif_object_name for v in p.vif_info]) for p in filtered.plugin_info] == [
        ("third_party", ["VIFVHostUser"])
    ]
    assert os_vif.host_info(permitted_vif_type_names=[]).plugin_info == []


@pytest.mark.parametrize("function", [os_vif.plan, os_vif.check, os_vif.repair, os_vif.wait_ready])
def test_third_party_plugins_have_no_check(
    function: Callable[..., object], plugins: dict[str, PluginBase]
) -> None:
    with pytest.raises(exception.CheckNotSupported, match="third_party can plug and unplug"):
        function(vif(1, "third_party"))


@pytest.mark.parametrize(
    ("function", "kind"),
    [(os_vif.plug_many, exception.PlugException), (os_vif.unplug_many, exception.UnplugException)],
)
def test_many_of_several_plugins(
    function: Callable[..., None], kind: type[Exception], plugins: dict[str, PluginBase]
) -> None:
    """All are tried; each that failed is told with its own error."""
    vifs: list[object] = [
        vif(1, "third_party"),
        vif(13, "third_party"),
        vif(2, "planned"),
        vif(3, "nonesuch"),
        vif(4, "third_party"),
        None,
    ]
    with pytest.raises(exception.BulkError) as caught:
        function([(v, INSTANCE) for v in vifs])
    assert {vif_id(13), vif_id(3)} < set(caught.value.errors)
    assert len(caught.value.errors) == 3
    assert all(isinstance(error, kind) for error in caught.value.errors.values())
    assert isinstance(caught.value.errors[vif_id(3)].__cause__, exception.NoMatchingPlugin)
    plugin = plugins["third_party"]
    assert isinstance(plugin, ThirdParty)
    assert [v.id for _, v, _ in plugin.calls] == [vif_id(1), vif_id(13), vif_id(4)]  # type: ignore[attr-defined]


def test_many_of_none(plugins: dict[str, PluginBase]) -> None:
    os_vif.plug_many([])
    os_vif.unplug_many(iter(()))


def test_a_vif_that_cannot_be_planned(plugins: dict[str, PluginBase]) -> None:
    with pytest.raises(exception.InvalidVIF, match="is 13"):
        os_vif.plan(vif(13, "planned"))
    with pytest.raises(exception.PlugException, match="is 13"):
        os_vif.plug(vif(13, "planned"), INSTANCE)
    with pytest.raises(exception.BulkError, match="is 13"):
        os_vif.plug_many([(vif(13, "planned"), INSTANCE)])


def test_a_host_that_cannot_be_looked_at(
    plugins: dict[str, PluginBase], monkeypatch: pytest.MonkeyPatch
) -> None:
    from os_vif.host import engine

    monkeypatch.setattr(engine, "observe", mock.Mock(side_effect=OSError("netlink is gone")))
    with pytest.raises(exception.BulkError) as caught:
        os_vif.plug_many([(vif(1, "planned"), INSTANCE), (vif(13, "third_party"), INSTANCE)])
    assert set(caught.value.errors) == {vif_id(1), vif_id(13)}
