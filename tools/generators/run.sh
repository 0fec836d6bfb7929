#!/usr/bin/env bash
# Generates a client with each of four generators, at pinned versions, compiles it and calls a server with it.
# Takes npm, the registries of npm and PyPI, and the project's own environment in .venv.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cp "$here"/{package.json,tsconfig.json,orval.config.js,walk.ts,walk.py} "$work"
cd "$work"

npm install --silent --no-audit --no-fund
python3 -m venv python
python/bin/pip install -q openapi-python-client==0.29.1 ruff==0.14.6

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export ASKCLI="http://127.0.0.1:$port"
ASKCLI_DATA_DIR="$work/data" ASKCLI_ANSWERER=scripted "$root/.venv/bin/askcli" serve --port "$port" 2>server.log &
server=$!
curl -fsS --retry 30 --retry-connrefused --retry-delay 1 -o openapi.json "$ASKCLI/openapi.json"

npx openapi-typescript openapi.json -o generated/schema.d.ts
npx openapi-ts -i openapi.json -o generated/hey-api -c @hey-api/client-fetch
npx orval --config orval.config.js
npx tsc
node built/walk.js

PATH="$work/python/bin:$PATH" openapi-python-client generate \
  --path openapi.json --meta none --output-path "$work/client/generated" --fail-on-warning
python/bin/python -W error -m compileall -q client/generated
PYTHONPATH="$work/client" python/bin/python -W error walk.py
