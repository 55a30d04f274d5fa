"""The privsep context of the linux_bridge plugin: its section and its path are what operators have configured."""

from __future__ import annotations

from oslo_privsep import capabilities, priv_context

from os_vif.host.privsep import runner

vif_plug = priv_context.PrivContext(
    "vif_plug_linux_bridge",
    cfg_section="vif_plug_linux_bridge_privileged",
    pypath=__name__ + ".vif_plug",
    capabilities=[capabilities.CAP_NET_ADMIN],
)


@vif_plug.entrypoint
def execute(request: dict[str, object]) -> dict[str, object]:
    """Run a pass of the engine in this context's daemon."""
    from os_vif.host import executor  # only the daemon needs it

    return executor.execute(request)


run = runner(vif_plug, execute)
