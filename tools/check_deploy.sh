#!/usr/bin/env bash
# check_deploy.sh: what deploys askcli, against its schemas and linters; they come with the extra `deploy`.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for overlay in deploy/kubernetes/overlays/*; do
    kubectl kustomize "$overlay" > "$work/$(basename "$overlay").yaml"
done
kubernetes-validate --strict --quiet "$work"/*.yaml
check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
# No package has Render's schema.
schema=$work/render.json
if curl -fsS --max-time 20 -o "$schema" https://render.com/schema/render.yaml.json && python -m json.tool "$schema" > /dev/null; then
    check-jsonschema --schemafile "$schema" render.yaml
else
    echo "deploy: render.yaml was not checked, as its schema cannot be reached"
fi
hadolint Dockerfile
caddy validate --config deploy/proxies/Caddyfile --adapter caddyfile

# Where systemd is; the units' program need not be installed for it.
if command -v systemd-analyze > /dev/null; then
    for unit in deploy/systemd/*.service; do
        sed 's#/opt/askcli/bin/askcli#/bin/true#' "$unit" > "$work/$(basename "$unit")"
        systemd-analyze verify "$work/$(basename "$unit")"
    done
fi
echo "deploy: all files pass"
