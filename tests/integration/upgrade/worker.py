"""An os-vif at work: run by a release's own interpreter, with nothing of this checkout on its path, or by this one's.

`python -P worker.py`; started by tests.integration.upgrade.peer, which speaks with it in JSON, a line each way:

    -> {"namespace": "/proc/../ns/net", "config": path of an oslo.config file, "calls": [[verb, vif, instance], ..],
        "mounts": {"/tmp/tree": "/sys/..", ..}}
       vif and instance are the primitives of the objects, as one service sends them to another; mounts: directories
       that it sees in place of others, which it alone does
    <- {"returned": [what each call returned, lists as their items in words], ..} or {"error": "what went wrong"}

Each request is answered by a process of its own, forked here: it knows nothing of the plugs before, as a service
that was restarted, and it costs no new interpreter. Steps run in that process, which is root, without a daemon.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
import traceback
from typing import Any

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
CONTEXTS = ("vif_plug_ovs.privsep", "vif_plug_linux_bridge.privsep")
libc = ctypes.CDLL(None, use_errno=True)
# not each release has each; what is imported here is not imported again in every process
WARM = (
    *CONTEXTS,
    "vif_plug_ovs.ovs",
    "vif_plug_linux_bridge.linux_bridge",
    "ovsdbapp.schema.open_vswitch.impl_idl",
)


def main() -> None:
    from os_vif import objects

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the protocol
    objects.register_all()
    modules = {name: module for name in WARM if (module := imported(name))}
    for name in CONTEXTS:
        if name in modules:
            modules[name].vif_plug.set_client_mode(False)
    print(json.dumps({"returned": []}), file=answers, flush=True)
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            answer(json.loads(line), writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        print(told or json.dumps({"error": "the process ended without an answer"}), file=answers, flush=True)


def imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def answer(request: dict[str, Any], pipe: int) -> None:
    try:
        told: dict[str, Any] = {"returned": work(request)}
    except BaseException as error:  # noqa: BLE001 - it is the answer
        traceback.print_exc()
        told = {"error": f"{type(error).__name__}: {error}"}
    os.write(pipe, json.dumps(told).encode())


def work(request: dict[str, Any]) -> list[list[str] | None]:
    from oslo_config import cfg
    from oslo_log import log

    import os_vif
    from os_vif.objects.base import VersionedObject

    enter(request["namespace"])
    if request["mounts"]:
        mount(request["mounts"])
    imported("oslo_concurrency.lockutils")  # registers lock_path before the file is read
    log.register_options(cfg.CONF)
    cfg.CONF(["--config-file", request["config"]], project="nova", default_config_dirs=[])
    log.setup(cfg.CONF, "nova")
    os_vif.initialize()
    returned = []
    for verb, vif, instance in request["calls"]:
        built = [VersionedObject.obj_from_primitive(primitive) for primitive in (vif, instance)]
        result = getattr(os_vif, verb)(*built)
        returned.append(None if result is None else [str(item) for item in result])
    return returned


def enter(namespace: str) -> None:
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns({namespace})")
    os.close(descriptor)


def mount(places: dict[str, str]) -> None:
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for directory, target in places.items():
        subprocess.run(["mount", "--bind", directory, target], check=True)


if __name__ == "__main__":
    main()
