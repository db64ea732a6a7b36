#!/usr/bin/env bash
# Trains one small config in the dev and in the release profile and compares the digests of the final states:
# scripts/determinism.sh [--own-crates]
#
# With --own-crates this project's crates alone are built as in the release profile, over the dependencies of the dev profile, which are
# optimised in both: minutes less where there is no release build, as in CI.
set -euo pipefail
cd "$(dirname "$0")/.."

own_crates=no
case ${1-} in
    "") ;;
    --own-crates) own_crates=yes ;;
    *) echo "usage: scripts/determinism.sh [--own-crates]" >&2; exit 2 ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# With the whole workspace's features, so that what `cargo test --workspace` has built is used. Each program is kept: the next build may take
# its place.
target=${CARGO_TARGET_DIR:-target}
build() { # name, folder of the profile, arguments
    cargo build --workspace --example train "${@:3}"
    cp "$target/$2/examples/train" "$scratch/train-$1"
}
as_release=(--config profile.dev.debug-assertions=false --config profile.dev.overflow-checks=false)
# Of this project's crates alone, at the release profile's levels: what stands for the profile stands for the dependencies too.
for manifest in crates/*/Cargo.toml examples/Cargo.toml; do
    crate=$(sed -n '0,/^name = /s/^name = "\(.*\)"/\1/p' "$manifest")
    level=$(sed -n "/^\[profile\.release\.package\]/,/^\[profile\.adapter\]/s/^$crate = { opt-level = \(.\) }/\1/p" Cargo.toml)
    as_release+=(--config "profile.dev.package.$crate.opt-level=${level:-3}")
done
build debug debug
if [ "$own_crates" = yes ]; then
    build release debug "${as_release[@]}"
else
    build release release --release
fi

digest() { # name of the program, loader threads, prefetched batches
    "$scratch/train-$1" --config configs/quickstart.yaml --skip-evaluation \
        --set run.output_dir="$scratch/$1-$2-$3" --set run.device=cpu --set run.epochs=2 --set run.max_steps=4 \
        --set run.max_val_steps=2 --set dataset.num_workers="$2" --set dataset.prefetch="$3" 2>/dev/null |
        sed -n 's/^final state: SHA-256 //p'
}

expected=$(digest debug 1 2)
echo "debug, 1 thread, prefetch 2:      $expected"
failed=0
for arguments in "debug 2 0" "debug 8 2" "release 1 2" "release 2 0" "release 8 2"; do
    read -r profile threads prefetch <<<"$arguments"
    found=$(digest "$profile" "$threads" "$prefetch")
    echo "$profile, $threads threads, prefetch $prefetch: $found"
    [ "$found" = "$expected" ] || failed=1
done
if [ "$failed" = 1 ] || [ -z "$expected" ]; then
    echo "the final states differ" >&2
    exit 1
fi
echo "all the same"
