#!/usr/bin/env bash
# Tests the NEON kernels on another processor, under emulation: scripts/aarch64.sh
#
# Builds seqjepa-cpu and seqjepa-data for aarch64-unknown-linux-gnu and runs, under QEMU, every test of the first and those of
# the augmentations of the second. A machine that is one itself runs them with all others, and is told so.
#
# The target's standard library is the toolchain's, if it has it or rustup brings it. Otherwise, on Debian for x86-64 as root, it is
# that of Debian unstable, with the compiler that made it: they go below target/tools, beside nothing of the system. The linker
# (gcc-aarch64-linux-gnu) and qemu-user are installed with apt-get where they are missing. Exits with 3 where something is not to
# be had.
set -euo pipefail
cd "$(dirname "$0")/.."

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}

triple=aarch64-unknown-linux-gnu
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target/tools"
target=$(cd "$target" && pwd)
log=$target/tools/aarch64.log
: > "$log"

case $(rustc --version --verbose | sed -n 's/^host: //p') in
    aarch64-*) echo "this machine is one: cargo test has run its tests"; exit 0 ;;
    *-linux-*) ;;
    *) not_checked "QEMU runs programs for Linux on Linux alone" ;;
esac

root_of_debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null && command -v dpkg > /dev/null
}

# With its libraries, where Debian puts them.
prefix=/usr/aarch64-linux-gnu
emulator() {
    command -v qemu-aarch64 || command -v qemu-aarch64-static
}
tools_are_there() {
    command -v aarch64-linux-gnu-gcc > /dev/null && emulator > /dev/null && [ -e $prefix/lib/ld-linux-aarch64.so.1 ]
}
if ! tools_are_there && root_of_debian; then
    # Told of below if they do not come.
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
    } >> "$log" 2>&1 || true
fi
tools_are_there || not_checked "there is no aarch64-linux-gnu-gcc with its libraries in $prefix, or no qemu-aarch64"

# Debian's compiler needs its own C library: everything is unpacked to a folder and started by the loader in it.
debian=$target/tools/aarch64-rust
unpack_debian() {
    [ "$(dpkg --print-architecture)" = amd64 ] || not_checked "Debian's compiler is taken for x86-64 alone"
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e $keyring ] || not_checked "there is no $keyring"
    rm -rf "$debian"
    mkdir -p "$debian/apt/lists/partial" "$debian/apt/archives/partial"
    echo "deb [signed-by=$keyring] http://deb.debian.org/debian sid main" > "$debian/apt/sources.list"
    # Nothing is installed, so that all libraries are among the dependencies.
    : > "$debian/apt/status"
    apt() {
        apt-get -qq -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
            -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
            -o Dir::State="$debian/apt" -o Dir::State::Lists="$debian/apt/lists" -o Dir::State::status="$debian/apt/status" \
            -o Dir::Cache="$debian/apt" -o Dir::Etc::SourceList="$debian/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
            -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null "$@" >> "$log" 2>&1
    }
    apt update || not_checked "Debian's list of packages could not be fetched: see $log"
    if ! apt install --download-only --yes --no-install-recommends libstd-rust-dev:amd64 \
        || ! (cd "$debian/apt/archives" && apt download rustc:amd64 libstd-rust-dev:arm64); then
        not_checked "Debian's packages could not be fetched: see $log"
    fi
    for package in "$debian"/apt/archives/*.deb; do
        dpkg --extract "$package" "$debian"
    done
    rm -rf "$debian/apt"
}

use_debian() {
    if [ ! -e "$debian/ready" ]; then
        root_of_debian || not_checked "there is no standard library for $triple; on Debian, root takes Debian's"
        unpack_debian
    fi
    export RUSTC=$debian/compiler
    cat > "$RUSTC" << END
#!/bin/sh
usr='$debian/usr'
exec "\$usr/lib64/ld-linux-x86-64.so.2" --library-path "\$usr/lib/x86_64-linux-gnu" "\$usr/bin/rustc" --sysroot "\$usr" "\$@"
END
    chmod +x "$RUSTC"
    # Packages of two architectures, which are not always there at the same time.
    echo 'pub fn one() -> String { 1.to_string() }' \
        | "$RUSTC" --target $triple --crate-type lib --emit metadata -o "$debian/probe" - >> "$log" 2>&1 \
        || { rm -f "$debian/ready"; not_checked "Debian's compiler does not work with its library for $triple: see $log"; }
    touch "$debian/ready"
}

if [ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
    :
elif command -v rustup > /dev/null && timeout 90 rustup target add $triple >> "$log" 2>&1; then
    :
else
    use_debian
fi

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$(emulator) -L $prefix"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=false
# Flags for this machine's processor would not do, and another compiler may have other warnings.
unset RUSTFLAGS
# No doctests: they would be built by the installed rustdoc, which need not go with the compiler.
run() {
    cargo test --target $triple --target-dir "$target/aarch64" "$@" >> "$log" 2>&1 || {
        code=$?
        cat "$log" >&2
        exit "$code"
    }
}
run -p seqjepa-cpu --lib --tests
run -p seqjepa-data --lib -- augment::
run -p seqjepa-data --test 'augment_*'

# That they ran, and on the kernels in question.
grep -q '^test instructions::tests::arm_has_neon \.\.\. ok' "$log" || { echo "no test has seen NEON" >&2; exit 1; }
passed=$(awk '/^test result: ok/ { passed += $4 } END { print passed + 0 }' "$log")
echo "$passed tests passed on $triple under $(emulator)"
