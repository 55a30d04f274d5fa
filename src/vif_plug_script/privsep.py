"""The privsep context of the script plugin: the only one whose daemon runs plug scripts.

Its section and its path are what operators configure, apart from those of other plugins: who is let in here can have
every script in script_path run as root, with a VIF of his making.

The daemon itself needs CAP_NET_ADMIN for the links, and CAP_KILL and CAP_SYS_PTRACE to find and end whatever a script
that runs out of time has started. The scripts get more: they are the tools of switches, which load kernel modules,
write files of other users and talk to daemons, and nobody can say in advance what they need. A program that user 0
executes has all capabilities that the process could ever have (capabilities(7)), and the scripts are run so. With
another `user` in the section, they have none.

Which directories scripts are taken from, the daemon reads from its own configuration, never from a request.
"""

from __future__ import annotations

from collections.abc import Mapping

from oslo_config import cfg
from oslo_privsep import capabilities, priv_context

from os_vif.host import executor
from os_vif.host.acts.filters import FilterKeeper
from os_vif.host.privsep import runner
from os_vif.host.scripts.keeper import ScriptKeeper, Settings
from vif_plug_script.options import OPTIONS, SECTION

vif_plug = priv_context.PrivContext(
    "vif_plug_script",
    cfg_section="vif_plug_script_privileged",
    pypath=__name__ + ".vif_plug",
    capabilities=[capabilities.CAP_NET_ADMIN, capabilities.CAP_KILL, capabilities.CAP_SYS_PTRACE],
)


def _execute(request: Mapping[str, object]) -> dict[str, object]:
    cfg.CONF.register_opts(OPTIONS, group=SECTION)
    settings = Settings.of(cfg.CONF[SECTION])
    return executor.execute(request, [FilterKeeper(), ScriptKeeper(settings)])


@vif_plug.entrypoint
def execute(request: dict[str, object]) -> dict[str, object]:
    """Run a pass of the engine in this context's daemon."""
    return _execute(request)


run = runner(vif_plug, execute, _execute)
