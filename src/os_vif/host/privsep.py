"""Where the engine's steps run: in this process if it may change the network, else in a privsep daemon.

A plugin that has no privsep context of its own uses `run`, whose daemon is configured in the section
[os_vif_privileged]. One that has its own makes its runner with `runner`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from oslo_config import cfg
from oslo_privsep import capabilities, daemon, priv_context

from os_vif import exception

default = priv_context.PrivContext(
    "os_vif",
    cfg_section="os_vif_privileged",
    pypath=__name__ + ".default",
    capabilities=[capabilities.CAP_NET_ADMIN],
)

Call = Callable[[Mapping[str, object]], Mapping[str, object]]


def _execute(request: Mapping[str, object]) -> dict[str, object]:
    from os_vif.host import executor  # only where there are privileges it is needed

    return executor.execute(request)


@default.entrypoint
def execute(request: dict[str, object]) -> dict[str, object]:
    """Run a pass in the daemon of the default context."""
    return _execute(request)


def runner(context: priv_context.PrivContext, entrypoint: Call, here: Call = _execute) -> Call:
    """Make a runner from a privsep context and an entry point of it that calls os_vif.host.executor.execute.

    here: what the entry point calls, if it calls that with arguments of its own.

    The daemon is used where one is configured (helper_command) or running, or where this process may not change the
    network itself; otherwise the steps run right here, which saves the start of a daemon.
    """

    def run_steps(request: Mapping[str, object]) -> Mapping[str, object]:
        section = cfg.CONF[context.cfg_section]
        if context.channel is None and not section.helper_command and _is_privileged(os.geteuid()):
            return here(request)
        try:
            return entrypoint(request)
        except (daemon.FailedToDropPrivileges, OSError) as error:
            raise exception.NoPrivileges(
                reason=f"the privsep daemon of [{context.cfg_section}] did not start: {error}"
            ) from error

    return run_steps


@functools.lru_cache(maxsize=4)
def _is_privileged(euid: int) -> bool:
    """Whether this process, as user `euid`, has CAP_NET_ADMIN (in its own user namespace)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & (1 << capabilities.CAP_NET_ADMIN))
    return False


run: Call = runner(default, execute)
