"""The options of all plugins, for `oslo-config-generator --namespace os_vif` and services that list options.

Importing this module calls `os_vif.initialize()`: which options there are depends on the plugins installed.
"""

import copy

from oslo_config import cfg

import os_vif

__all__ = ["list_plugins_opts"]

os_vif.initialize()

_PLUGINS = [
    (extension.name, extension.obj) for extension in sorted(os_vif._EXT_MANAGER, key=lambda e: e.name)
]


def list_plugins_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return one (group name, options) pair for each plugin, sorted, also for plugins with no options.

    The options are copies: oslo's generator writes to them.
    """
    return [(f"os_vif_{name}", copy.deepcopy(list(plugin.CONFIG_OPTS))) for name, plugin in _PLUGINS]
