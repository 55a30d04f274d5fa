"""The commands about this host as a whole: host-info, topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import os_vif
from os_vif.cli import output, session
from os_vif.cli.arguments import Common, Format
from os_vif.cli.errors import ExitCode


def host_info(common: Common) -> int:
    """Show what this host can do: plugins, VIF types and their versions.

    With -f json it is the HostInfo object that the network side reads.
    """
    session.start(common)
    info = os_vif.host_info()
    if common.output_format is Format.JSON:
        from os_vif import objects

        output.say(objects.to_json(info))
        return ExitCode.DONE
    rows = []
    for plugin in info.plugin_info:
        for vif_type in plugin.vif_info:
            profiles = [
                f"{profile.profile_object_name} {_versions(profile.min_version, profile.max_version)}"
                for profile in vif_type.supported_port_profiles
            ]
            versions = _versions(vif_type.min_version, vif_type.max_version)
            rows.append((plugin.plugin_name, vif_type.vif_object_name, versions, ", ".join(profiles)))
    output.show_table(("plugin", "VIF type", "versions", "port profiles"), rows)
    return ExitCode.DONE


COMMANDS: Mapping[str, Callable[..., int]] = {"host-info": host_info}


def _versions(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"
