"""Every error says what failed, on what, and what to do, and can be handed from one process to another."""

import pickle

import pytest

from os_vif import exception

MADE = [
    exception.LibraryNotInitialized(),
    exception.NoMatchingPlugin(plugin_name="ovs", installed=["noop"], failed={"agilio_ovs": "no module ivs"}),
    exception.NoMatchingPortProfileClass(name="VIFPortProfileX"),
    exception.NoSupportedPortProfileVersion(
        name="P", got_versions="1.4", min_version="1.0", max_version="1.1"
    ),
    exception.NoMatchingVIFClass(name="VIFX"),
    exception.NoSupportedVIFVersion(name="V", got_versions="1.1", min_version="1.0", max_version="1.0"),
    exception.PlugException(vif="VIFBridge(...)", err=OSError("no")),
    exception.UnplugException(vif="VIFBridge(...)", err=OSError("no")),
    exception.InvalidObject(path="VIFBridge.network.mtu", reason="must be an integer, not a string."),
    exception.InvalidVIF(vif_id="b679", field="port_profile.interface_id", reason="is not set"),
    exception.InvalidPort(port="b679", field="binding:vif_details.vhostuser_socket", reason="is not set"),
    exception.PortNotBound(
        port="b679", field="binding:vif_type", vif_type="unbound", hint="set binding:host_id"
    ),
    exception.PlanConflict(key="bridge br0", first="b679", second="437c", reason="mtu 1500 and 9000"),
    exception.NameCollision(name="tap0", vif="b679", other="437c"),
    exception.StepFailed(step="add tap0 to br0", object="tap0", reason="Device or resource busy"),
    exception.TryAgainLater(step="plug tap0 with script midonet", object="tap0", reason="plug: exit code 75"),
    exception.UnfitVIF(vif_id="b679", field="path", reason="is not set"),
    exception.GuestError(),
    exception.InvalidCard(field="queues", reason="must be at least 1"),
    exception.NotForGuest(
        vif_id="b679", type="VIFDVS", guest="QEMU", reason="it is VMware's", hint="Use VMware."
    ),
    exception.GuestRuns(guest="instance-1"),
    exception.CardPresent(vif_id="b679", guest="instance-1"),
    exception.CardKept(vif_id="b679", timeout=5),
    exception.NotMigratable(guest="instance-1", reason="its card 02:00:00:00:00:01 has no VIF"),
    exception.NotVerified(vif="b679", differences="tap0: mtu 1500, not 9000"),
    exception.ResourceMissing(object="eth1", hint="Name an interface of this host in flat_interface."),
    exception.WrongKind(object="br0", found="veth", expected="bridge"),
    exception.HostConflict(object="eth1", reason="it is in a bond"),
    exception.CheckNotSupported(plugin_name="agilio_ovs"),
    exception.NotReady(vif="b679", timeout=5, reasons=["tap0: ofport -1", "tap0 is down"]),
    exception.NoPrivileges(reason="Operation not permitted"),
    exception.NetworkMissingPhysicalNetwork(network_uuid="437c"),
    exception.NetworkInterfaceNotFound(interface="eth1"),
    exception.NetworkInterfaceTypeNotDefined(type="geneve"),
    exception.ExternalImport(),
    exception.NotImplementedForOS(function="add", os="nt"),
]
BULK = exception.BulkError({"b679": MADE[6], "437c": OSError("no")})


def _subclasses(parent: type[exception.ExceptionBase]) -> set[type[exception.ExceptionBase]]:
    own = {child for child in parent.__subclasses__() if child.__module__ == exception.__name__}
    return own.union(*(_subclasses(child) for child in own))


def test_the_samples_are_all_there_are() -> None:
    made = {type(error) for error in [*MADE, BULK]} | {exception.EngineError}
    assert made == _subclasses(exception.ExceptionBase)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_messages_are_filled_in(error: exception.ExceptionBase) -> None:
    assert "%(" not in str(error)
    assert error.message == error.format_message() == error.args[0] == str(error)
    for name in error.kwargs.keys() - {"installed", "failed"}:
        assert str(error.kwargs[name]) in str(error)


@pytest.mark.parametrize("error", [*MADE, BULK], ids=lambda error: type(error).__name__)
def test_the_tree_is_drawn_in_the_module(error: exception.ExceptionBase) -> None:
    assert f"+-- {type(error).__name__}" in str(exception.__doc__)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_errors_cross_process_boundaries(error: exception.ExceptionBase) -> None:
    # multiprocessing pickles; oslo.privsep calls the class with `args`.
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert pickle.loads(pickle.dumps(error)).kwargs.keys() == error.kwargs.keys()
    assert str(type(error)(*error.args)) == str(error)


def test_message_wins_over_the_format() -> None:
    error = exception.PlugException("it broke", vif="v")
    assert (str(error), error.kwargs) == ("it broke", {"vif": "v"})


def test_a_format_that_cannot_be_filled_in_stands_as_it_is() -> None:
    assert str(exception.PlugException(vif="v")) == exception.PlugException.msg_fmt


def test_plug_exception() -> None:
    error = exception.PlugException(vif="VIFBridge(id=b679)", err=OSError("no such bridge"))
    assert str(error) == "Failed to plug VIF VIFBridge(id=b679). Got error: no such bridge"


def test_no_matching_plugin_says_what_there_is() -> None:
    assert str(exception.NoMatchingPlugin(plugin_name="ovs")) == "No VIF plugin is named ovs."
    text = str(exception.NoMatchingPlugin(plugin_name="ovs", installed=["noop", "linux_bridge"]))
    assert text == "No VIF plugin is named ovs. Installed: linux_bridge, noop."
    text = str(exception.NoMatchingPlugin(plugin_name="ovs", installed=[], failed={"ovs": "No module 'x'"}))
    assert text == "No VIF plugin is named ovs. Installed: none. Failed to load: ovs (No module 'x')."


def test_no_matching_vif_class_takes_both_names() -> None:
    by_name, by_vif_name = exception.NoMatchingVIFClass(name="V"), exception.NoMatchingVIFClass(vif_name="V")
    assert str(by_name) == str(by_vif_name)


def test_not_ready_lists_its_reasons() -> None:
    error = exception.NotReady(vif="b679", timeout=5, reasons=["ofport -1", "down"])
    assert error.reasons == ("ofport -1", "down")
    assert str(error) == "VIF b679 is not ready after 5 s: ofport -1; down"


def test_bulk_error_keeps_and_lists_its_errors() -> None:
    assert set(BULK.errors) == {"b679", "437c"}
    assert "437c: no" in str(BULK)
    again = pickle.loads(pickle.dumps(BULK))
    assert (set(again.errors), str(again)) == ({"b679", "437c"}, str(BULK))
