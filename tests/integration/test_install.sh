#!/bin/bash
# test_install.sh - what `make install` puts down works as an installed library, and uninstall takes
# all of it away again. Everything happens below a temporary folder.
set -u

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root
prefix=/opt/muster
passed=0
failed=0

check() # NAME COMMAND...
{
    local name=$1
    shift
    if "$@" >"$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $*"
        sed 's/^/    /' "$dir/out"
    fi
}

cd "$MUSTER_SOURCE_DIR" || exit 1
build() # TARGET...
{
    make --no-print-directory BUILD="${MUSTER_BUILD#"$PWD/"}" DESTDIR="$root" PREFIX=$prefix "$@"
}

cat >"$dir/program.c" <<'END'
#include <muster.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    puts(muster_version());
    return strcmp(muster_version(), MUSTER_VERSION) != 0;
}
END
cp "$dir/program.c" "$dir/program.cc"

# Only the installed tree is seen, as if it were the system's.
package()
{
    PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root$prefix/lib/pkgconfig pkg-config "$@" muster
}
sanitize=${SAN:+-fsanitize=$SAN}

compile() # COMPILER SOURCE OUTPUT OPTION-FOR-PKG-CONFIG...
{
    local compiler=$1 source=$2 output=$3
    shift 3
    # shellcheck disable=SC2046,SC2086 # words are meant
    $compiler $sanitize -Wall -Wextra -Werror $(package --cflags) -o "$output" "$source" \
        $(package --libs "$@" | sed "${static:+s/-lmuster/-l:libmuster.a/}")
}

runs() # PROGRAM: with the installed library
{
    LD_LIBRARY_PATH=$root$prefix/lib "$1"
}

check 'make install' build install
check 'shared library is found' test -e "$root$prefix/lib/libmuster.so"
version=$("$MUSTER" version | grep -o "[0-9][0-9.]*" | head -n 1)
check "pkg-config knows version $version" test "$(package --modversion)" = "$version"

static=
check 'C program, shared' compile "${CC:-gcc}" "$dir/program.c" "$dir/c-shared"
check 'C program, shared, runs' runs "$dir/c-shared"
check 'it uses the shared library' \
    bash -c "objdump -p '$dir/c-shared' | grep -q 'NEEDED.*libmuster.so.1'"
static=yes
check 'C program, static' compile "${CC:-gcc}" "$dir/program.c" "$dir/c-static" --static
check 'C program, static, runs' "$dir/c-static"
check 'it does not use the shared library' \
    bash -c "! objdump -p '$dir/c-static' | grep -q 'NEEDED.*libmuster'"
if command -v g++ >/dev/null && [[ ${CC:-gcc} = gcc* ]]; then
    static=
    check 'C++ program, shared' compile g++ "$dir/program.cc" "$dir/cc-shared"
    check 'C++ program, shared, runs' runs "$dir/cc-shared"
    static=yes
    check 'C++ program, static' compile g++ "$dir/program.cc" "$dir/cc-static" --static
    check 'C++ program, static, runs' "$dir/cc-static"
fi

check 'installed musterd runs' "$root$prefix/bin/musterd" --version
check 'installed muster runs' "$root$prefix/bin/muster" version

for file in share/man/man8/musterd.8 share/man/man1/muster.1 share/man/man3/libmuster.3 \
    share/man/man5/musterd.conf.5 share/bash-completion/completions/muster \
    share/zsh/site-functions/_muster share/fish/vendor_completions.d/muster.fish \
    lib/systemd/system/musterd.service; do
    check "$file is there" test -s "$root$prefix/$file"
done
check 'the unit starts the installed musterd' \
    grep -q "^ExecStart=$prefix/bin/musterd --config /etc/muster/musterd.conf" \
    "$root$prefix/lib/systemd/system/musterd.service"
settings=$root/etc/muster/musterd.conf
check 'the settings it reads are there, without a mistake' \
    "$root$prefix/bin/musterd" --config "$settings" --check-config
echo 'silence = 20s' >>"$settings"
check 'make install again' build install
check 'settings that were changed are not overwritten' grep -q '^silence' "$settings"
check 'make uninstall, with changed settings' build uninstall
check 'settings that were changed stay' grep -q '^silence' "$settings"
rm "$settings"
check 'make install once more' build install

check 'make uninstall' build uninstall
left=$(find "$root" ! -type d)
check "uninstall leaves no file: $left" test -z "$left"
left=$(find "$root" -mindepth 1 -path '*muster/*' -name '*muster*')
check "uninstall leaves no folder of its own: $left" test -z "$left"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
