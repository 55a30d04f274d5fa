"""The version of the distribution, kept for programs that import it from here.

New code asks `importlib.metadata.version("os-vif")`, which needs no pbr; importing this module says so.
"""

import warnings

import pbr.version

version_info = pbr.version.VersionInfo("os-vif")
__version__: str = version_info.version_string()

warnings.warn(
    "os_vif.version is deprecated: use importlib.metadata.version('os-vif').",
    DeprecationWarning,
    stacklevel=2,
)
