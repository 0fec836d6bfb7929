#!/usr/bin/env bash
# image.sh [TAG]: build the container image with docker, podman or buildah, whichever works here.
#
# BUILDER    one of the three
# BASE       another base image, such as a mirror's: Python 3.11 or later, as `python`, with venv
# PLATFORM   another architecture, such as linux/arm64
# NETWORK    the network of the build, such as host
# PIP_CONF   a pip.conf for the build alone, such as one that names an index of your own
set -euo pipefail
cd "$(dirname "$0")/.."

# docker's client is often there without an engine: `info` asks the engine.
first_that_works() {
    local name
    for name in docker podman buildah; do
        if command -v "$name" && "$name" info; then
            echo "$name" >&3
            return
        fi
    done > /dev/null 2>&1
    echo "image.sh: none of docker, podman and buildah works here." >&2
    return 1
}

builder=${BUILDER:-$(first_that_works 3>&1)}
options=(--tag "${1:-askcli}")
[[ -z ${BASE:-} ]] || options+=(--build-arg "BASE=$BASE")
[[ -z ${PLATFORM:-} ]] || options+=(--platform "$PLATFORM")
[[ -z ${NETWORK:-} ]] || options+=(--network "$NETWORK")
[[ -z ${PIP_CONF:-} ]] || options+=(--secret "id=pip.conf,src=$PIP_CONF")
# Health checks are no part of OCI's own format, in which podman and buildah build by default.
[[ $builder == docker ]] || options+=(--format docker)
# Before version 23, docker's builder is one that knows no secrets, unless it is told otherwise.
export DOCKER_BUILDKIT=1
exec "$builder" build "${options[@]}" .
