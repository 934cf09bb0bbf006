#!/bin/bash
# test_deb.sh - the Debian packages: installed, used and removed again, on a copy of this machine.
#
#   test_deb.sh FOLDER-WITH-PACKAGES
#
# The copy is an overlay: what the packages put down is written into memory, and this machine stays
# as it is. That takes root and mounts; where there are none, the test is skipped, with exit status
# 77 and its reason. Checks that fail are never a skip.
set -u

packages=$(realpath "$1")
names=(musterd muster-cli libmuster1 libmuster-dev)

skip()
{
    echo "SKIPPED: $1"
    exit 77
}

if [ "${MUSTER_IN_COPY-}" = "" ]; then
    [ "$(id -u)" = 0 ] || skip 'it takes root to install packages'
    command -v dpkg >/dev/null || skip 'dpkg is missing: this is no Debian machine'
    unshare --mount --pid --fork true 2>/dev/null || skip 'no mounts may be made here'
    export MUSTER_IN_COPY=$packages
    exec unshare --mount --pid --fork --kill-child "$0" "$packages"
fi

# ---- the copy ----

room=$(mktemp -d)
trap 'umount -R -l "$room" 2>/dev/null; rmdir "$room"' EXIT
mount -t tmpfs none "$room" || skip 'no file system in memory may be mounted here'
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay none -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" "$room/root" \
    2>/dev/null || skip 'no overlay may be mounted here'
mount -t proc proc "$room/root/proc"
mount --bind /dev "$room/root/dev"
mount -t tmpfs none "$room/root/tmp"
mount -t tmpfs none "$room/root/run"
mkdir "$room/root/tmp/packages"
cp "$packages"/*.deb "$room/root/tmp/packages/"

inside() # COMMAND...: with an environment as after a login
{
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
        timeout 120 chroot "$room/root" "$@"
}

passed=0
failed=0
check() # NAME COMMAND...
{
    local name=$1
    shift
    if "$@" >"$room/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
        sed 's/^/    /' "$room/out"
    fi
}

in_shell() # SCRIPT: inside
{
    inside sh -euc "$1"
}

# What maintainer scripts would have systemd do is written down instead.
mkdir -p "$room/root/run/systemd/system"
rm -f "$room/root/usr/sbin/policy-rc.d" "$room/root/usr/bin/systemctl"
printf '#!/bin/sh\necho "$*" >>/tmp/systemctl.log\n' >"$room/root/usr/bin/systemctl"
chmod 755 "$room/root/usr/bin/systemctl"
asked() # what systemd was asked to do with the broker since the last time, but for queries
{
    inside grep -oE '\b(start|stop|restart|try-restart|enable) .*musterd.service' /tmp/systemctl.log 2>/dev/null |
        xargs
    rm -f "$room/root/tmp/systemctl.log"
}

# ---- before ----

for name in "${names[@]}"; do
    if inside dpkg-query -W "$name" >/dev/null 2>&1; then
        inside dpkg --purge --force-depends "$name" >/dev/null 2>&1
    fi
done
files() # what is there, but for what dpkg and others keep for themselves
{
    inside find / -xdev \( -path /tmp -o -path /proc -o -path /dev -o -path /run -o -path /root \
        -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /etc/ld.so.cache \
        \) -prune -o ! -type d -path '*muster*' -print | sort
}
before=$(files)

# ---- installed ----

check 'they install' inside sh -c 'dpkg -i /tmp/packages/*.deb'
check 'nothing is broken' in_shell 'test -z "$(dpkg --audit)"'
check 'musterd is not enabled' in_shell '
    test ! -e /etc/systemd/system/multi-user.target.wants/musterd.service'
check 'musterd is not started' test "$(asked)" = ''
check 'the unit is there, and starts what is installed' in_shell '
    grep -q "^ExecStart=/usr/bin/musterd --config /etc/muster/musterd.conf" \
        /lib/systemd/system/musterd.service
    test -x /usr/bin/musterd'
check 'its settings are a conffile' in_shell '
    dpkg-query -W -f "\${Conffiles}" musterd | grep -q /etc/muster/musterd.conf'
check 'its settings have no mistake' inside musterd --config /etc/muster/musterd.conf --check-config
for page in '8 musterd' '5 musterd.conf' '1 muster' '3 libmuster'; do
    check "man $page" in_shell "test -s /usr/share/man/man${page% *}/${page#* }.${page% *}.gz"
done
for file in /usr/share/bash-completion/completions/muster \
    /usr/share/zsh/vendor-completions/_muster \
    /usr/share/fish/vendor_completions.d/muster.fish; do
    check "$file" inside test -s "$file"
done

check 'what they put down is seen' test "$(files)" != "$before"

# ---- used ----

check 'the broker works, and the command line with it' in_shell '
    mkfifo /tmp/ready
    musterd --config /etc/muster/musterd.conf --listen 127.0.0.1:0 --unix /tmp/socket \
        --ready-fd 3 3>/tmp/ready 2>/tmp/broker.log &
    broker=$!
    read -r ready </tmp/ready
    export MUSTER_URL=muster+unix:///tmp/socket
    muster put jobs "hello, world"
    test "$(muster get jobs)" = "hello, world"
    kill -TERM $broker
    wait $broker'
cat >"$room/root/tmp/program.c" <<'END'
#include <muster.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    puts(muster_version());
    return strcmp(muster_version(), MUSTER_VERSION) != 0;
}
END
check 'a C program is built with pkg-config, and runs' in_shell '
    cd /tmp
    gcc -Wall -Werror $(pkg-config --cflags muster) -o program program.c \
        $(pkg-config --libs muster)
    objdump -p program | grep -q "NEEDED.*libmuster.so.1"
    ./program'
check 'the same, linked statically with the library' in_shell '
    cd /tmp
    gcc -Wall -Werror $(pkg-config --cflags muster) -o program program.c \
        $(pkg-config --static --libs muster | sed s/-lmuster/-l:libmuster.a/)
    ./program'
check 'they install again, over themselves' inside sh -c 'dpkg -i /tmp/packages/*.deb'

check 'a broker that runs is restarted, one that does not is left alone' \
    test "$(asked)" = 'try-restart musterd.service'

# ---- removed ----

check 'they are removed' inside dpkg --remove "${names[@]}"
check 'a broker that runs is stopped' test "$(asked)" = 'stop musterd.service'
check 'the settings stay until they are purged' inside test -e /etc/muster/musterd.conf
in_shell 'mkdir -p /var/lib/private/muster/data
    ln -s private/muster /var/lib/muster' # as systemd does for the unit
check 'they are purged' inside dpkg --purge musterd
check 'what it kept is purged as well' in_shell '
    test ! -e /var/lib/private/muster && test ! -L /var/lib/muster'
check 'nothing is left' test "$(files)" = "$before"
diff <(echo "$before") <(files) | sed 's/^/    /'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
