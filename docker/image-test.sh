#!/bin/bash
# image-test.sh - builds the image, runs it, stops it, restarts it, and lets compose.yaml work.
#
# Needs root on Debian 12: starts an engine of its own (docker.io) in a folder under /tmp, with a base
# image made of Debian's packages, and takes all of it away again. Ends with "N passed, N failed".
# Where an engine cannot run it says "SKIP image test: REASON" and ends with 77; what goes wrong
# after a first container ran is a failure.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
work=
engine=
child=
key_was_there=$([ -e /etc/docker/key.json ] && echo yes)

skip()
{
    echo "SKIP image test: $*"
    exit 77
}

say()
{
    printf '[%3d s] %s\n' "$SECONDS" "$*"
}

# A trap is handled only between commands: what takes long runs beside the shell.
beside() # COMMAND...
{
    local code
    "$@" &
    child=$!
    wait "$child"
    code=$?
    child=
    return "$code"
}

same() # NAME EXPECTED SEEN
{
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok - $1"
    else
        failed=$((failed + 1))
        printf 'not ok - %s\n#   expected: %s\n#   seen:     %s\n' "$1" "$2" "$3"
    fi
}

until_true() # SECONDS COMMAND...
{
    local end=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        read -r -t 0.2 < <(:) || true
    done
}

# ---- can it be done here? ----

[ "$(uname -s)" = Linux ] || skip "it needs Linux"
[ "$(id -u)" = 0 ] || skip "it takes root to start an engine"
# shellcheck disable=SC1091
. /etc/os-release
[ "${VERSION_CODENAME:-}" = bookworm ] || skip "it needs Debian 12, for its packages"
unshare -m true 2> /dev/null || skip "root may not make mount namespaces here"
unshare -n true 2> /dev/null || skip "root may not make network namespaces here"
findmnt -rno TARGET -t cgroup,cgroup2 > /dev/null || skip "no cgroup file system is mounted"
[ "$(df --output=avail -m /tmp | tail -n 1)" -gt 2000 ] || skip "less than 2 GB are free in /tmp"

# ---- taken away again, whatever happens ----

end_engine()
{
    local ids
    [ -n "$engine" ] && kill -0 "$engine" 2> /dev/null || return
    ids=$(docker ps -aq 2> /dev/null)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || docker rm -fv $ids > /dev/null 2>&1
    kill -TERM "$engine"
    until_true 20 eval "! kill -0 $engine" || kill -KILL "$engine"
    wait "$engine" 2> /dev/null
}

clean_up()
{
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$child" ]; then
        kill -TERM "$child" 2> /dev/null
        wait "$child" 2> /dev/null
    fi
    end_engine
    [ -n "$work" ] || return
    findmnt -rno TARGET | grep "^$work/" | sort -r | while read -r mount; do umount "$mount"; done
    findmnt -rno TARGET -t cgroup,cgroup2 | while read -r tree; do
        [ ! -d "$tree/$group" ] ||
            find "$tree/$group" -depth -type d -exec rmdir {} \; 2> /dev/null
    done
    rm -rf --one-file-system "$work"
    if [ -z "$key_was_there" ]; then
        rm -f /etc/docker/key.json
        rmdir /etc/docker 2> /dev/null
    fi
}
work=$(mktemp -d /tmp/muster-image.XXXXXX)
group=muster-image-${work##*.}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
export DOCKER_HOST=unix://$work/d.sock DOCKER_CONFIG=$work/config DOCKER_BUILDKIT=0
export COMPOSE_DOCKER_CLI_BUILD=0
mkdir "$work"/{root,exec,config,tmp}

# ---- packages ----

missing=
command -v dockerd > /dev/null && command -v docker > /dev/null || missing=docker.io
command -v mmdebstrap > /dev/null || missing="$missing mmdebstrap"
command -v docker-compose > /dev/null || missing="$missing docker-compose"
if [ -n "$missing" ]; then
    say "installing $missing"
    policy=/usr/sbin/policy-rc.d
    made=
    if [ ! -e "$policy" ]; then # nothing is to be started by being installed
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
        made=yes
    fi
    # shellcheck disable=SC2086
    apt-get update -q > "$work/apt.log" 2>&1 && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-remove --no-install-recommends $missing >> "$work/apt.log" 2>&1
    code=$?
    [ -z "$made" ] || rm -f "$policy"
    if [ $code != 0 ]; then
        tail -n 3 "$work/apt.log"
        skip "apt-get could not install $missing"
    fi
fi

# ---- an engine ----

setsid dockerd --host "$DOCKER_HOST" --data-root "$work/root" --exec-root "$work/exec" \
    --pidfile "$work/d.pid" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$group" \
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none \
    > "$work/engine.log" 2>&1 < /dev/null &
engine=$!
if ! until_true 30 docker version; then
    tail -n 2 "$work/engine.log" | cut -c 1-300
    skip "the engine does not start here"
fi
printf 'int main(void) { return 42; }\n' > "$work/probe.c"
gcc -static -o "$work/probe" "$work/probe.c" || exit 1
tar -C "$work" -c probe | docker import - probe > /dev/null
docker run --rm --network=none probe /probe > "$work/probe.log" 2>&1
if [ $? != 42 ]; then
    tail -n 2 "$work/probe.log" | cut -c 1-300
    skip "the engine starts here, but a container does not"
fi
docker rmi probe > /dev/null
say "the engine is up, a container runs"

sources=
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -s "$file" ] || sources="$sources $file"
done
apt-config dump | grep -E '^Acquire::(Check-|Retries|ForceIPv|https?::Proxy)' > "$work/apt.conf"
# shellcheck disable=SC2086
if ! TMPDIR=$work/tmp beside mmdebstrap --quiet --variant=minbase --include=usr-is-merged \
    --hook-dir="$(dpkg -L mmdebstrap | grep '/hooks/merged-usr$')" --aptopt="$work/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    bookworm "$work/base.tar" $sources > "$work/base.log" 2>&1; then
    tail -n 3 "$work/base.log"
    skip "the base system could not be fetched through apt"
fi
docker import --change 'CMD ["bash"]' "$work/base.tar" debian:bookworm-slim > /dev/null || exit 1
rm "$work/base.tar"
say "there is a base image"

# ---- built ----

if ! beside docker build --network=host -t muster -f docker/Dockerfile . > "$work/build.log" 2>&1
then
    tail -n 30 "$work/build.log"
    same "the image is built" yes no
    echo "$passed passed, $failed failed"
    exit 1
fi
same "the image is built" yes yes
size() # of an image, in bytes
{
    docker image inspect -f '{{.Size}}' "$1"
}
more=$((($(size muster) - $(size debian:bookworm-slim)) / 1000000))
say "the image takes $more MB on top of its base"
same "it takes 20 MB at most" yes "$([ "$more" -le 20 ] && echo yes)"
same "it has no compiler" no "$(docker run --rm --network=none --entrypoint sh muster \
    -c 'command -v gcc cc make || echo no')"
same "it has labels" muster \
    "$(docker image inspect -f '{{index .Config.Labels "org.opencontainers.image.title"}}' muster)"

# ---- run, as any user, on a read-only root ----

health()
{
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = "${2:-healthy}" ]
}
start_container() # NAME OPTION...
{
    local name=$1
    shift
    docker run -d --name "$name" --network=none --read-only --cap-drop ALL \
        --security-opt no-new-privileges --health-interval=1s "$@" muster > /dev/null
}
inside() # CONTAINER COMMAND...
{
    docker exec "$@" 2>&1
}

docker volume create first > /dev/null
start_container one -v first:/data
until_true 30 health one
same "it is healthy" healthy "$(docker inspect -f '{{.State.Health.Status}}' one)"
same "it is not root" 65534 "$(inside one id -u)"
inside one muster put jobs "kept over a restart" > /dev/null
same "a message is there" 1 "$(inside one muster ls | awk '$1 == "jobs" { print 1 }')"
docker stop -t 10 one > /dev/null
same "TERM to process 1 ends it well" 0 "$(docker inspect -f '{{.State.ExitCode}}' one)"
docker rm -v one > /dev/null
start_container two -v first:/data
until_true 30 health two
same "the queue is in the volume" "kept over a restart" "$(inside two muster get jobs --no-wait)"
inside two muster put jobs again > /dev/null
docker kill two > /dev/null
docker start two > /dev/null
until_true 30 health two
same "also after a kill" again "$(inside two muster get jobs --no-wait)"
docker rm -fv two > /dev/null
start_container any --user 12345:54321
until_true 30 health any
same "any user can run it" 12345 "$(inside any id -u)"
docker rm -fv any > /dev/null
say "one container is done"

# ---- compose.yaml, work flowing ----

export COMPOSE_PROJECT_NAME=muster MUSTER_UID=1000 MUSTER_GID=1000
mkdir "$work/docker" "$work/docker/secrets"
cp docker/compose.yaml "$work/docker"
chown -R 1000:1000 "$work/docker/secrets"
chmod 711 "$work"
# As README.md says.
tool()
{
    docker run --rm --network=none --user 1000:1000 -v "$work/docker/secrets:/secrets" \
        --entrypoint muster muster "$@"
}
MUSTER_SERVER_KEY=$(tool keygen /secrets/server.key)
export MUSTER_SERVER_KEY
tool keygen -q --token /secrets/fleet.token
echo "fleet $(cat "$work/docker/secrets/fleet.token")" > "$work/docker/secrets/tokens"
chmod 600 "$work/docker/secrets/tokens"
chown 1000:1000 "$work/docker/secrets/tokens"
docker-compose -f "$work/docker/compose.yaml" config > "$work/docker/full.yaml"
same "compose.yaml is valid" 0 $?
# Without a network of its own: all share the loopback of the broker.
python3 - "$work/docker/full.yaml" "$work/docker/local.yaml" << 'END'
import sys, yaml

with open(sys.argv[1]) as file:
    whole = yaml.safe_load(file)
for name, service in whole["services"].items():
    for key in ("ports", "networks", "build", "expose"):
        service.pop(key, None)
    service["network_mode"] = "none" if name == "broker" else "service:broker"
    url = service.get("environment", {}).get("MUSTER_URL")
    if url:
        service["environment"]["MUSTER_URL"] = url.replace("@broker:", "@127.0.0.1:")
whole.pop("networks", None)
with open(sys.argv[2], "w") as file:
    yaml.safe_dump(whole, file)
END
compose()
{
    docker-compose -f "$work/docker/local.yaml" "$@"
}
beside compose up -d > "$work/up.log" 2>&1
same "compose up" 0 $?
work_flows()
{
    compose logs worker-1 2> /dev/null | grep -q did: &&
        compose logs worker-2 2> /dev/null | grep -q did:
}
until_true 40 work_flows
same "both workers work" yes "$(work_flows && echo yes || compose logs 2>&1 | tail -n 20)"
compose down -v > /dev/null 2>&1
same "compose down" 0 $?
say "compose is done"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
