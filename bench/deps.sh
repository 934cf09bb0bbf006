#!/bin/bash
# deps.sh - the Debian packages of the benchmark: peers, their client libraries, tools.
#
# None of the servers is started: while the packages are installed a policy forbids it (policy-rc.d,
# which invoke-rc.d asks), and afterwards it is as it was. The benchmark starts its own servers. What
# cannot be installed is told and left out; the benchmark then does without that peer.
set -u

packages=(beanstalkd redis-server libhiredis-dev nats-server libnats-dev gearman-job-server
    rabbitmq-server librabbitmq-dev gnuplot-nox python3 util-linux valgrind)
policy=/usr/sbin/policy-rc.d

if [ "$(id -u)" != 0 ]; then
    exec sudo "$0"
fi
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "bench: all packages are here"
    exit 0
fi

if [ -e "$policy" ]; then
    mv "$policy" "$policy.before-bench"
fi
put_back()
{
    rm -f "$policy"
    if [ -e "$policy.before-bench" ]; then
        mv "$policy.before-bench" "$policy"
    fi
}
trap put_back EXIT
trap 'exit 1' INT TERM HUP
printf '#!/bin/sh\n# Written by bench/deps.sh for as long as it runs: start nothing.\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "bench: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null || echo "bench: the lists of packages could not be fetched" >&2
status=0
for package in "${missing[@]}"; do
    apt-get install -y -q --no-install-recommends "$package" >/dev/null || {
        echo "bench: $package could not be installed; 'apt-get install $package' says why" >&2
        status=1
    }
done
exit $status
