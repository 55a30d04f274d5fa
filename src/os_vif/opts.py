"""The options of all plugins, for `oslo-config-generator --namespace os_vif` and services that list options.

Importing this module calls `os_vif.initialize()`: which options there are depends on the plugins installed.
"""

import copy

from oslo_config import cfg

import os_vif

__all__ = ["list_plugins_opts"]

os_vif.initialize()

# A plugin whose load() failed has no instance, and its options cannot be used.
_PLUGINS = sorted(
    (extension.name, list(extension.obj.CONFIG_OPTS))
    for extension in os_vif._EXT_MANAGER or ()
    if extension.obj is not None
)


def list_plugins_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return one (group name, options) pair for each plugin, sorted, also for plugins with no options.

    The options are copies, so that a caller who edits a help text or a default changes no plugin.
    """
    return [(f"os_vif_{name}", copy.deepcopy(options)) for name, options in _PLUGINS]
