"""The privsep context of the ovs plugin: its section and its path are what operators have configured."""

from __future__ import annotations

import socket

from oslo_config import cfg
from oslo_privsep import capabilities, priv_context

from os_vif.host import lending
from os_vif.host.privsep import runner
from vif_plug_ovs import constants
from vif_plug_ovs.options import OPTIONS

vif_plug = priv_context.PrivContext(
    "vif_plug_ovs",
    cfg_section="vif_plug_ovs_privileged",
    pypath=__name__ + ".vif_plug",
    capabilities=[capabilities.CAP_NET_ADMIN],
)


@vif_plug.entrypoint
def execute(request: dict[str, object]) -> dict[str, object]:
    """Run a pass of the engine in this context's daemon."""
    from os_vif.host import executor  # only the daemon needs it

    return executor.execute(request)


run = runner(vif_plug, execute)


@vif_plug.entrypoint
def lend_database(place: str) -> None:
    """Lend the socket of the configured database, and no other: the daemon reads the configuration itself."""
    group = "os_vif_" + constants.PLUGIN_NAME
    cfg.CONF.register_opts(OPTIONS, group=group)
    lending.lend(cfg.CONF[group].ovsdb_connection.removeprefix("unix:"), place)


def borrow_database() -> socket.socket:
    """An open socket to the configured database, for a process that may not open it itself."""
    return lending.borrow(lend_database)
