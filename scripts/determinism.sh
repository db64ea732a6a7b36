#!/usr/bin/env bash
# Trains one small config in the dev and in the release profile and compares the digests of the final states.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# With the whole workspace's features, so that what `cargo test --workspace` has built is used.
for profile in dev release; do
    cargo build --workspace --example train --profile "$profile"
done
target=${CARGO_TARGET_DIR:-target}

digest() { # folder of the profile, loader threads, prefetched batches
    "$target/$1/examples/train" --config configs/quickstart.yaml --skip-evaluation \
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
