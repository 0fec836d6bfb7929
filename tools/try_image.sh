#!/usr/bin/env bash
# try_image.sh IMAGE: run the image as docs/operations.md has it, and with a read-only root as another user.
#
# ENGINE   docker or podman
# Each server is asked over HTTP, and stopped while it answers: the answer is whole when it is back.
set -euo pipefail
image=$1
engine=${ENGINE:-docker}
work=$(mktemp -d)
chmod 755 "$work"
end() {
    "$engine" rm --force try-askcli
    "$engine" volume rm try-askcli
    rm -rf "$work"
} > /dev/null 2>&1
trap end EXIT

# The second piece comes after the server was told to stop.
echo '[{"pieces": ["begun, ", "ended"], "pause": 2}]' > "$work/script.json"
export JWT_SECRET
JWT_SECRET=$(head -c 48 /dev/urandom | base64 -w 0)

run() {
    "$engine" run -v "$work/script.json:/script.json:ro" -e ASKCLI_SCRIPT=/script.json -e ASKCLI_ANSWERER=scripted \
        -e ASKCLI_REGISTRATION=open -e JWT_SECRET "$@"
}

inside() {
    "$engine" exec -i -e ASKCLI_SERVER=http://127.0.0.1:3000 -e ASKCLI_CONFIG_DIR=/tmp/config try-askcli askcli "$@"
}

eventually() {
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.2
    done
    echo "try_image.sh: it never came to: $*" >&2
    "$engine" logs try-askcli >&2
    return 1
}

is_healthy() {
    # podman leaves health checks to systemd's timers.
    [[ $engine != podman ]] || podman healthcheck run try-askcli > /dev/null || return
    [[ $("$engine" inspect --format '{{.State.Health.Status}}' try-askcli) == healthy ]]
}

try() {
    run -d --name try-askcli --stop-timeout 30 "$@" "$image" > /dev/null
    eventually is_healthy
    echo "a long enough password" | inside register --name Ada --email ada@example.org --password-stdin
    inside ask --ndjson "Does it answer?" > "$work/events" 2> /dev/null &
    eventually grep -q 'begun' "$work/events"
    "$engine" stop try-askcli > /dev/null
    wait $! || true # its process ended with the container
    [[ $("$engine" inspect --format '{{.State.ExitCode}}' try-askcli) == 0 ]]
    "$engine" start try-askcli > /dev/null
    eventually is_healthy
    echo "a long enough password" | inside login --email ada@example.org --password-stdin
    inside history export --format json | grep -q '"begun, ended"'
    "$engine" rm --force try-askcli > /dev/null
}

run --rm -v try-askcli:/var/lib/askcli/data "$image" askcli migrate
try -p 127.0.0.1::3000 -v try-askcli:/var/lib/askcli/data
echo "$image: as documented: healthy, answers, stops gracefully, and is back"

user=$(id -u)
mkdir "$work/data"
if [[ $user == 0 ]]; then
    user=4242
    chown 4242:4242 "$work/data"
fi
try --user "$user:$user" --read-only --tmpfs /tmp --cap-drop ALL -v "$work/data:/var/lib/askcli/data"
echo "$image: as user $user, with a read-only root and no capability: the same"
