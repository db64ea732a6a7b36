#!/usr/bin/env bash
# Packages every crate as for crates.io and checks what is inside: scripts/package.sh [cargo package's arguments]
#
# No warning of cargo's; in every crate that is published both licences as in the root, a README whose programs a doctest
# compiles, and the fields that crates.io shows. `--no-verify` leaves out the build of each package by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

manifests=()
packages=()
for manifest in crates/*/Cargo.toml; do
    ! grep -q '^publish = false' "$manifest" || continue
    manifests+=("$manifest")
    packages+=(--package "$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -n 1)")
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo package "${packages[@]}" --allow-dirty "$@" 2>&1 | tee "$log"
failed=0
complain() {
    echo "$*" >&2
    failed=1
}
! grep -q '^warning' "$log" || complain "cargo package warns"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
target=${CARGO_TARGET_DIR:-target}
for manifest in "${manifests[@]}"; do
    folder=$(dirname "$manifest")
    name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -n 1)
    archive=$target/package/$name-$version.crate
    [ -f "$archive" ] || { complain "$name: no $archive"; continue; }
    of_package() { tar -xzOf "$archive" "$name-$version/$1"; }
    for licence in LICENSE-MIT LICENSE-APACHE; do
        of_package "$licence" 2> /dev/null | cmp -s - "$licence" || complain "$name: $licence is not the root's"
    done
    packaged=$(of_package Cargo.toml)
    for field in description documentation repository readme keywords categories license rust-version; do
        grep -q "^$field = " <<< "$packaged" || complain "$name: no $field in its Cargo.toml"
    done
    grep -qF '[package.metadata.docs.rs]' <<< "$packaged" || complain "$name: no [package.metadata.docs.rs]"
    # shellcheck disable=SC2016
    if grep -q '^```rust' "$folder/README.md" && ! grep -qF '#[doc = include_str!("../README.md")]' "$folder/src/lib.rs"; then
        complain "$name: no doctest compiles the program in its README: see another crate's src/lib.rs"
    fi
done
[ "$failed" = 0 ] || exit 1
echo "${#manifests[@]} packages, in $target/package"
