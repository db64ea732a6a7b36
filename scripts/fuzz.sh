#!/usr/bin/env bash
# Fuzzes targets and keeps what reaches new code: scripts/fuzz.sh [SECONDS [TARGET...]]
#
# SECONDS is for each target (600); without TARGET all are run, two at a time. Needs a nightly compiler and
# `cargo install cargo-fuzz`. Inputs are collected below fuzz/target/corpus; of those, the fewest that reach the same code
# are merged into fuzz/corpus, unpacked from fuzz/corpus.tar.gz before and packed into it after. An input that breaks
# something is left in fuzz/artifacts/TARGET: mend the fault, and move the input to fuzz/found/TARGET.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)

# The targets write small files: in memory where there is such a folder.
[ -d /dev/shm ] && export TMPDIR=/dev/shm
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# No request above 256 MiB: the bound that the replay in crates/fuzz-harness/tests repeats.
bounds="-max_len=65536 -malloc_limit_mb=256 -rss_limit_mb=2048 -timeout=10"

fuzz() {
    local target=$1
    mkdir -p "target/corpus/$target" "corpus/$target" "found/$target" "artifacts/$target" target/logs
    echo "== $target"
    # shellcheck disable=SC2086
    "$binaries/$target" "target/corpus/$target" "corpus/$target" "found/$target" \
        $bounds -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -print_final_stats=1 > "target/logs/$target" 2>&1 \
        || { echo "$target: see fuzz/target/logs/$target" >&2; return 1; }
    grep -E 'DONE|stat::number_of_executed_units|stat::peak_rss_mb' "target/logs/$target"
    local merged=target/merged/$target
    rm -rf "$merged"
    mkdir -p "$merged"
    # shellcheck disable=SC2086
    "$binaries/$target" "$merged" "corpus/$target" "target/corpus/$target" \
        $bounds -set_cover_merge=1 -use_counters=0 >> "target/logs/$target" 2>&1
    rm -rf "corpus/$target"
    mv "$merged" "corpus/$target"
    echo "$target: $(find "corpus/$target" -type f | wc -l) inputs kept"
}

../scripts/fuzz_corpus.sh unpack
cargo +nightly fuzz build
# Started directly: `cargo fuzz run` would build again where a source has changed meanwhile.
binaries=target/$(rustc +nightly -vV | sed -n 's/^host: //p')/release
failed=0
running=0
for target in "${targets[@]}"; do
    fuzz "$target" &
    running=$((running + 1))
    if [ "$running" -ge 2 ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
../scripts/fuzz_corpus.sh pack
exit "$failed"
