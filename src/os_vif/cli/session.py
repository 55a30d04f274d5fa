"""What a command does before it uses the library: configuration, logging, plugins."""

from __future__ import annotations

import logging
import sys
import warnings

import os_vif
from os_vif.cli.arguments import Common


def start(common: Common) -> None:
    """Read the configuration and load the plugins: for commands about VIFs.

    :raises oslo_config.cfg.Error: as configure()
    """
    configure(common)
    os_vif.initialize()


def configure(common: Common) -> None:
    """Read the configuration: for commands about the host, which need no plugin.

    To be called before the library is imported any further: it filters what that warns about.

    :raises oslo_config.cfg.Error: a configuration file is missing or malformed
    """
    if common.debug:
        logging.basicConfig(
            level=logging.DEBUG, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
        )
    else:
        # without any handler, Python would print the library's warnings and errors, which users get as ours
        logging.getLogger().addHandler(logging.NullHandler())
    # oslo.privsep imports oslo.service, which warns its developers about their use of eventlet
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from oslo_config import cfg

    files = None if common.config_file is None else [str(path) for path in common.config_file]
    cfg.CONF([], project="os-vif", prog="os-vif", default_config_files=files or None)
