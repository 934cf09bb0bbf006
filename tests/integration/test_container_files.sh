#!/bin/bash
# test_container_files.sh - the Dockerfile, compose.yaml, kubernetes.yaml and the container's
# musterd.conf say nothing that musterd would not take. Running them is docker/image-test.sh.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
known=$("$MUSTERD" --help; "$MUSTER" --help; for command in put get run backup keygen ping; do
    "$MUSTER" $command --help; done)

# ---- options ----

# Every --option that a file names is one of ours, or of the tools that it speaks of.
foreign=" --build --build-arg --cap-drop --chown --config --entrypoint --from --from-file --from-literal \
--interval --name --network --no-install-recommends --project-name --read-only --retries --rm --signal \
--start-period --tmpfs --user --health-interval --security-opt --no-remove "
for file in Dockerfile compose.yaml kubernetes.yaml README.md; do
    unknown=
    for option in $(grep -oE '(^|[^[:alnum:]-])--[a-z][a-z-]+' "$root/docker/$file" |
        grep -oE -- '--[a-z-]+' | sort -u); do
        if ! grep -qE -- "$option( |=|,|$)" <<< "$known" && [[ $foreign != *" $option "* ]]; then
            unknown="$unknown $option"
        fi
    done
    same "docker/$file names options that there are" "" "$unknown"
done
sed "s|/data|$folder|" "$root/docker/musterd.conf" > "$folder/container.conf"
prints "docker/musterd.conf is taken" ok "$MUSTERD" --config "$folder/container.conf" --check-config

# ---- the same port, paths and user everywhere ----

same "the image offers the default port" 6878 \
    "$(sed -n 's/^EXPOSE //p' "$root/docker/Dockerfile")"
holds "musterd.conf listens on it" "*listen = 0.0.0.0:6878*" "$(cat "$root/docker/musterd.conf")"
holds "the health check finds the socket" "*MUSTER_URL=muster+unix:///data/socket*" \
    "$(cat "$root/docker/Dockerfile")"
holds "which musterd makes there" "*unix = /data/socket*" "$(cat "$root/docker/musterd.conf")"
holds "the image stops by TERM" "*STOPSIGNAL SIGTERM*" "$(cat "$root/docker/Dockerfile")"
version=$("$MUSTERD" --version)
holds "the label has the version" "*VERSION=${version#musterd }*" "$(cat "$root/docker/Dockerfile")"

# ---- structure, as their readers demand ----

if python3 -c 'import yaml' 2> /dev/null; then
    expect "kubernetes.yaml fits together" 0 python3 "$root/tests/integration/kubernetes.py" \
        "$root/docker/kubernetes.yaml"
    expect "compose.yaml can be read" 0 python3 -c 'import sys, yaml
services = yaml.safe_load(open(sys.argv[1]))["services"]
assert {"broker", "producer", "worker-1", "worker-2"} == set(services)
assert all(s["read_only"] and s["cap_drop"] == ["ALL"] for s in services.values())' \
        "$root/docker/compose.yaml"
else
    echo "# skipped: the structure of the YAML files: python3-yaml is not installed"
fi

finish
