#!/bin/sh
# Make what `make` needs be there: Debian packages (as root) and the virtual environment .venv with this checkout in it.
# Called by every make target; says what it does, and does nothing when all is there. Arguments: programs to look for
# besides Python, each as program=package (a program that is not on PATH with its whole path).
set -eu
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

missing=""
python=${PYTHON:-python3}
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || missing="python3 python3-venv"
for pair in "$@"; do
    program=${pair%%=*}
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || missing="$missing ${pair#*=}"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing Debian packages:$missing"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086  # a list of packages
        apt-get install -qq --yes --no-install-recommends $missing >/dev/null 2>&1 || {
            apt-get update -qq
            apt-get install -qq --yes --no-install-recommends $missing >/dev/null
        }
    else
        say "not installed, and not root: $missing"
        say "to have them: apt-get install --no-install-recommends $missing"
    fi
fi

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Python 3.11 or newer with venv is needed; $python is not (set PYTHON=...)"
    exit 3
fi

# the environment is made again when Python, the dependencies or their pins change
stamp=$(cat pyproject.toml constraints.txt; "$python" --version)
if [ ! -x .venv/bin/os-vif ] || [ "$(cat .venv/made-from 2>/dev/null)" != "$stamp" ]; then
    say "making the virtual environment .venv"
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
    printf '%s' "$stamp" > .venv/made-from
fi
