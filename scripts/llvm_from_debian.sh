#!/usr/bin/env bash
# LLVM for the features `cuda` and `rocm` from Debian's packages, for machines that cannot reach GitHub: scripts/llvm_from_debian.sh
#
# Burn compiles its CUDA and ROCm kernels with LLVM, of which the build script of `tracel-llvm-bundler` fetches a bundle. It fetches none
# where its folder in the user's data (`$XDG_DATA_HOME/tracel` or ~/.local/share/tracel) is marked as installed; this script makes that
# folder from Debian unstable's LLVM, with a `llvm-config` that names static archives alone. It installs nothing and needs no root, but a
# C compiler and the packages zlib1g-dev, libzstd-dev and libz3-4. Exits with 3 where something is not to be had.
set -euo pipefail

# What tracel-llvm-bundler 23.1.0-4 looks for (Cargo.lock), and the LLVM that it bundles.
bundle=tracel-llvm-23.1.0-4
llvm='llvm-23'

not_made() {
    echo "NOT MADE: $*" >&2
    exit 3
}

for program in apt-get dpkg cc ar; do
    command -v $program > /dev/null || not_made "there is no $program"
done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e $keyring ] || not_made "there is no $keyring"

data=${XDG_DATA_HOME:-$HOME/.local/share}/tracel
mkdir -p "$data"
if [ -e "$data/$bundle/.tracel-llvm-installed" ]; then
    echo "$data/$bundle is there"
    exit 0
fi
work=$(mktemp -d "$data/unpacked.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$data/llvm_from_debian.log

mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
echo "deb [signed-by=$keyring] ${DEBIAN_MIRROR:-http://deb.debian.org/debian} sid main" > "$work/apt/sources.list"
apt() {
    apt-get -qq -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 -o Dir::State::Lists="$work/apt/lists" \
        -o Dir::Cache="$work/apt" -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null "$@" >> "$log" 2>&1
}
: > "$log"
if ! apt update || ! (cd "$work/apt/archives" && apt download $llvm $llvm-dev); then
    not_made "Debian's packages $llvm and $llvm-dev could not be fetched: see $log"
fi
mkdir "$work/root"
for package in "$work"/apt/archives/*.deb; do
    dpkg --extract "$package" "$work/root"
done
prefix=$work/root/usr/lib/$llvm

# Debian's names libraries that the build script cannot link or does not need: Polly is in another package, z3 is given by its path,
# libxml2 serves Windows' manifests alone.
mv "$prefix/bin/llvm-config" "$prefix/bin/llvm-config.debian"
cat > "$prefix/bin/llvm-config" << 'END'
#!/bin/sh
folder=$(dirname "$(readlink -f "$0")")
"$folder/llvm-config.debian" "$@" | sed -e 's/-lPolly\(ISL\)\{0,1\}\>//g' -e 's#/[^ ]*/libz3\.so##g' -e 's/-lxml2\>//g'
case "$*" in
    *--libs*) [ ! -e "$folder/../lib/libisoc23.a" ] || echo -lisoc23 ;;
esac
END
chmod +x "$prefix/bin/llvm-config"

# The archives were made with a glibc of 2.38 or later, which has names of C23 for some functions; an older one gets them here.
if ! echo 'int __isoc23_strtol(void); int main(void) { return __isoc23_strtol(); }' \
    | cc -x c - -o "$work/probe" >> "$log" 2>&1; then
    cat > "$work/isoc23.c" << 'END'
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
int __isoc23_sscanf(const char *text, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int read = vsscanf(text, format, values);
    va_end(values);
    return read;
}
int __isoc23_scanf(const char *format, ...) {
    va_list values;
    va_start(values, format);
    int read = vscanf(format, values);
    va_end(values);
    return read;
}
END
    cc -O2 -fPIC -c "$work/isoc23.c" -o "$work/isoc23.o"
    ar rcs "$prefix/lib/libisoc23.a" "$work/isoc23.o"
fi

"$prefix/bin/llvm-config" --link-static --libs > /dev/null 2>> "$log" \
    || not_made "its llvm-config does not run (it needs libz3-4, zlib1g-dev and libzstd-dev): see $log"
touch "$prefix/.tracel-llvm-installed"
rm -rf "$data/debian-$llvm"
mv -T "$work/root" "$data/debian-$llvm"
ln -sfn "debian-$llvm/usr/lib/$llvm" "$data/$bundle"
echo "$data/$bundle: LLVM $("$data/$bundle/bin/llvm-config" --version)"
