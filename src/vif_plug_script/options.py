"""The options of the script plugin: the section [os_vif_script], read by the plugin and by its privileged daemon."""

from __future__ import annotations

from oslo_config import cfg

SECTION = "os_vif_script"

OPTIONS = (
    cfg.StrOpt(
        "script_path",
        default="/etc/os-vif/plug-scripts:/usr/local/libexec/os-vif/plug-scripts:/usr/libexec/os-vif/plug-scripts",
        help="Directories of plug scripts, separated by colons; the first that has a script of the wanted name is "
        "taken. They, the scripts, and all directories above must belong to root and be writable by nobody else.",
    ),
    cfg.FloatOpt(
        "script_timeout",
        default=60.0,
        min=0.1,
        help="Seconds that one run of a script may take before it is ended.",
    ),
    cfg.StrOpt(
        "program_path",
        default="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        help="The PATH of plug scripts: where they find the tools of the network's backend.",
    ),
    cfg.IntOpt(
        "scripts_at_once",
        default=8,
        min=1,
        help="How many scripts run at the same time, for different VIFs.",
    ),
    cfg.IntOpt(
        "network_device_mtu",
        default=1500,
        min=0,
        max=65535,
        help="MTU, in bytes, of what is made for networks that do not say theirs.",
    ),
)
