#!/bin/bash
# test_systemd.sh - the unit file: known to systemd, hardened, and saying what musterd does.
# What the broker tells systemd is in test_notify.c.
# shellcheck source=tests/integration/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

source=${MUSTER_SOURCE_DIR:?folder of the source}/broker/musterd.service
unit=$folder/musterd.service
EXPOSURE_MAX=15 # tenths; systemd calls up to 2.0 OK, and without hardening it is 9.6

command=$(sed -n 's/^ExecStart=musterd //p' "$source" |
    sed "s|/etc/muster|$folder|; s|/var/lib/muster|$folder|")
echo "listen = 127.0.0.1:0" > "$folder/musterd.conf"
# shellcheck disable=SC2086
prints "its command line is one of musterd" ok "$MUSTERD" --check-config $command

if ! command -v systemd-analyze > /dev/null; then
    echo "skipped: systemd-analyze is not installed (Debian package systemd)"
    finish
fi

# The program is where this test built it, not where it is installed.
sed "s|^ExecStart=musterd|ExecStart=$MUSTERD|" "$source" > "$unit"
out=$(systemd-analyze verify --man=no "$unit" 2>&1)
same "systemd-analyze verify accepts it" 0 $?
same "and finds nothing to say" "" "$(grep -F musterd.service <<< "$out")"
out=$(systemd-analyze security --offline=true --threshold=$EXPOSURE_MAX --no-pager "$unit" 2>&1)
same "systemd-analyze security: exposure at most ${EXPOSURE_MAX}/10" 0 $?
holds "it was judged" "*Overall exposure level for musterd.service: [01].*" "$out"

finish
