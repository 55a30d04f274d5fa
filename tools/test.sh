#!/bin/sh
# All tests. As root they run as they are, each in network namespaces of its own; without root in a user namespace,
# where CAP_NET_ADMIN holds for the namespaces made in it.
set -eu
cd "$(dirname "$0")/.."

# the tests' directories belong to them alone: in a user namespace everybody is called root
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

run() { TMPDIR=$scratch "$@"; }

if .venv/bin/python -m demo.prepare; then
    :
else
    echo "== the guests' tests will be skipped: what they need is not there (see above)"
fi
if [ "$(id -u)" = 0 ]; then
    run .venv/bin/python -m pytest
elif unshare --user --map-root-user --net --mount true 2>/dev/null; then
    echo "== not root: running in a user namespace"
    # with a /run of its own: the files of the real root's there cannot be opened
    run unshare --user --map-root-user --net --mount sh -c \
        'mount -t tmpfs tmpfs /run && exec .venv/bin/python -m pytest'
else
    echo "== not root, and user namespaces are not allowed here: only the unit tests run"
    run .venv/bin/python -m pytest tests/unit
fi
