#!/usr/bin/env bash
# Install a wheel into a fresh environment, away from the checkout, and ask it a question.
set -euo pipefail
wheel=$(realpath "$1")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cd "$home"
python3 -m venv venv
venv/bin/pip install -q "$wheel"
askcli() { env -i HOME="$home" PATH="$PATH" ASKCLI_ANSWERER=scripted venv/bin/askcli "$@"; }
askcli --version
askcli help > /dev/null
answer=$(askcli ask "Does the wheel work?")
askcli serve --stop
[[ $answer == *scripted* ]]
test -f venv/share/man/man1/askcli.1
echo "$(basename "$wheel"): installed, answers, has its man pages"
