#!/usr/bin/env bash
# constraints.sh: renew deploy/constraints, the versions and hashes that the image and the release use.
#
# One file serves all supported Pythons and architectures.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # OUTPUT INPUT [OPTION]...
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
        --generate-hashes --no-annotate --no-header --output-file "$@"
}

lock deploy/constraints/server.txt pyproject.toml --extra otel
lock deploy/constraints/build.txt deploy/constraints/build.in

# Names, versions and hashes: no address of an index, no path of a machine.
if grep -nvE '^[a-z0-9.-]+==[^ @/:]+( ; [^@/:]+)? \\$|^    --hash=sha256:[0-9a-f]{64}( \\)?$' deploy/constraints/*.txt; then
    echo "constraints.sh: these lines are more than names, versions and hashes." >&2
    exit 1
fi
