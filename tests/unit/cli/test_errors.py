"""Exit codes are a contract with scripts: which error of the library gives which."""

from __future__ import annotations

import os

import pytest
from oslo_config import cfg
from oslo_versionedobjects import exception as object_exception
from tests.vifs import bridge_vif, vif_id

from os_vif import exception
from os_vif.cli.errors import ExitCode, InputError, SomeFailed, explain
from os_vif.host.netlink import NetlinkError

CASES: list[tuple[Exception, int]] = [
    (exception.InvalidObject(path="VIFBridge.id", reason="no"), 2),
    (exception.InvalidVIF(vif_id="1", field="vif_name", reason="no"), 2),
    (exception.PlanConflict(key="link tap1", first="1", second="2", reason="no"), 2),
    (object_exception.IncompatibleObjectVersion(objname="VIFBridge", objver="9.0", supported="1.0"), 2),
    (cfg.ConfigFilesNotFoundError(["x"]), 2),
    (exception.NoMatchingPlugin(plugin_name="x", installed=["noop"]), 3),
    (exception.CheckNotSupported(plugin_name="noop"), 3),
    (exception.ResourceMissing(object="br0", hint="make it"), 4),
    (exception.WrongKind(object="br0", found="veth", expected="bridge"), 4),
    (exception.NameCollision(name="tap1", vif="1", other="2"), 4),
    (exception.StepFailed(step="set mtu 9000", object="eth0", reason="Invalid argument"), 4),
    (exception.NotVerified(vif="1", differences="tap1: gone"), 4),
    (NetlinkError(16, "set mtu"), 4),
    (ZeroDivisionError("a defect"), 4),
    (exception.NoPrivileges(reason="no"), 5),
    (exception.StepFailed(step="create tap t", object="t", reason=os.strerror(1)), 5),
    (NetlinkError(1, "set mtu"), 5),
]


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda value: type(value).__name__)
def test_exit_codes(error: Exception, code: int) -> None:
    assert explain(error).exit_code == code
    for wrapper in (exception.PlugException, exception.UnplugException):
        wrapped = explain(wrapper(vif=bridge_vif(), err=error))
        assert wrapped.exit_code == code
        assert "versioned_object" not in wrapped.error
        assert "VIFBridge(" not in wrapped.error


def test_input_errors_are_bad_input() -> None:
    failure = explain(InputError("no", "yes"))
    assert (failure.error, failure.hint, failure.exit_code) == ("no", "yes", 2)


def test_a_wrapped_error_names_its_vif_once() -> None:
    error = exception.PlugException(vif=bridge_vif(1), err=exception.EngineError("tap1: no"))
    assert explain(error).error == f"VIF {vif_id(1)}: tap1: no"
    named = exception.InvalidVIF(vif_id=vif_id(1), field="id", reason="no")
    assert explain(exception.PlugException(vif=bridge_vif(1), err=named)).error.count(vif_id(1)) == 1


def test_the_rest_of_a_sentence_is_the_hint() -> None:
    failure = explain(exception.NoMatchingPlugin(plugin_name="x", installed=["noop"]))
    assert (failure.error, failure.hint) == ("No VIF plugin is named x", "Installed: noop")
    refused = explain(exception.WrongKind("br0: is a veth, not a bridge; remove it", object="br0"))
    assert (refused.error, refused.hint) == ("br0: is a veth, not a bridge", "remove it")


def test_many_errors_have_the_code_they_share_or_that_of_failure() -> None:
    bad, failed = InputError("no"), exception.EngineError("no")
    assert explain(SomeFailed("2 failed", {"1": bad, "2": bad})).exit_code is ExitCode.BAD_INPUT
    assert explain(SomeFailed("2 failed", {"1": bad, "2": failed})).exit_code is ExitCode.FAILED
    assert explain(SomeFailed("1 failed", {"1": failed})).details == (("1", "no"),)
