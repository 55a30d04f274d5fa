"""The interpreters of the peers: one environment for each os-vif release, made once under .cache/bench/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = CHECKOUT / ".cache" / "bench"


def interpreter(peer: str | None) -> Path:
    """The Python of this release, of this checkout for None. Installs it with pip the first time."""
    if peer is None:
        return Path(sys.executable)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = CACHE / "peers" / f"os-vif-{peer}-python{version}"
    done = home / "installed"
    if not done.exists():
        print(f"installing os-vif {peer} for comparison ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip: list[str | Path] = [
            home / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "-qq",
        ]
        if subprocess.run([*pip, f"os-vif=={peer}"], check=False).returncode:
            sys.exit(
                f"pip could not install os-vif=={peer}, which this run is to be compared with: see above"
            )
        done.touch()
    return home / "bin" / "python"


def beside(python: Path, program: str) -> Path:
    """A script of the same environment."""
    return python.parent / program
