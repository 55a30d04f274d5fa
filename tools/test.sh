#!/bin/sh
# All tests. As root they run as they are, each in network namespaces of its own; without root in a user namespace,
# where CAP_NET_ADMIN holds for the namespaces made in it.
set -eu
cd "$(dirname "$0")/.."

run() { "$@" .venv/bin/python -m pytest; }

if .venv/bin/python -m demo.prepare; then
    :
else
    echo "== the guests' tests will be skipped: what they need is not there (see above)"
fi
if [ "$(id -u)" = 0 ]; then
    run
elif unshare --user --map-root-user --net --mount true 2>/dev/null; then
    echo "== not root: running in a user namespace"
    run unshare --user --map-root-user --net --mount
else
    echo "== not root, and user namespaces are not allowed here: only the unit tests run"
    .venv/bin/python -m pytest tests/unit
fi
