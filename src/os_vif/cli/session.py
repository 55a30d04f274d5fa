"""What a command does before it uses the library: configuration, logging, plugins."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING

import os_vif
from os_vif.cli.arguments import Settings
from os_vif.cli.errors import InputError

if TYPE_CHECKING:
    from os_vif.host.plan import OvsDatabase

_SWITCH, _OPTION = "os_vif_ovs", "ovsdb_connection"
_PATIENCE = 5.0  # seconds: a person is waiting
_GLANCE = 0.03  # enough for a local port to refuse


def start(settings: Settings) -> None:
    """Read the configuration and load the plugins with it.

    To be called before the library is imported any further: it filters what that warns about.

    :raises oslo_config.cfg.Error: a configuration file is missing or malformed
    :raises InputError: --ovsdb, where nothing would read it
    """
    _configure(settings)
    os_vif.initialize(reset=True)  # plugins read their options once: those of this command line
    if settings.ovsdb is not None:
        from oslo_config import cfg

        if _SWITCH not in cfg.CONF:
            raise InputError("--ovsdb: the plugin ovs is not installed")
        cfg.CONF.set_override(_OPTION, settings.ovsdb, group=_SWITCH)


def database(settings: Settings) -> OvsDatabase | None:
    """The Open vSwitch database that was configured, if it answers; call start() first.

    None: this host has none. That is so where the plugin is not installed, or nobody has said where the database is
    and nothing listens where it is by default.

    :raises os_vif.host.ovsdb.OvsdbError: somebody has said where it is, and it cannot be reached there
    """
    from oslo_config import cfg

    if _SWITCH not in cfg.CONF:
        return None
    from os_vif.host.ovs.reading import connect
    from os_vif.host.ovsdb import ConnectionFailed, Timeout
    from os_vif.host.plan import OvsDatabase

    options = cfg.CONF[_SWITCH]
    found = OvsDatabase(
        remote=options.ovsdb_connection,
        timeout=min(float(options.ovs_vsctl_timeout) or _PATIENCE, _PATIENCE),
        private_key=options.ssl_key_file,
        certificate=options.ssl_cert_file,
        ca_certificate=options.ssl_ca_cert_file,
    )
    said = cfg.CONF.get_location(_OPTION, _SWITCH)
    by_default = settings.ovsdb is None and not (said is not None and said.location.is_user_controlled)
    try:
        connect(found).schema(timeout=_GLANCE if by_default else _PATIENCE)
    except ConnectionFailed:
        if by_default:
            return None
        raise
    except Timeout:
        if not by_default:
            raise
    return found


def _configure(settings: Settings) -> None:
    if settings.debug:
        logging.basicConfig(
            level=logging.DEBUG, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
        )
    else:
        # without any handler, Python would print the library's warnings and errors, which users get as ours
        logging.getLogger().addHandler(logging.NullHandler())
    # oslo.privsep imports oslo.service, which warns its developers about their use of eventlet
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from oslo_config import cfg

    files = None if settings.config_file is None else [str(path) for path in settings.config_file]
    cfg.CONF([], project="os-vif", prog="os-vif", default_config_files=files or None)
    if _SWITCH in cfg.CONF:
        cfg.CONF.clear_override(_OPTION, group=_SWITCH)
