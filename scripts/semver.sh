#!/usr/bin/env bash
# Compares the public API of every published crate with an earlier one: scripts/semver.sh [REVISION]
#
# Without REVISION it is the last release, the newest tag v* before HEAD: a breaking change without the version that
# semantic versioning asks for fails. Before the first release it is the previous commit, and breaking changes are only
# told, as a reminder of CHANGELOG.md. Needs `cargo install cargo-semver-checks --locked`; exits with 3 where that, or
# the earlier revision, is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-semver-checks > /dev/null || { echo "cargo-semver-checks is not installed" >&2; exit 3; }
must_hold=1
if [ $# -gt 0 ]; then
    revision=$1
elif ! revision=$(git describe --tags --abbrev=0 --match 'v*' 2> /dev/null); then
    revision=HEAD^
    must_hold=0
fi
git rev-parse --verify --quiet "$revision^{commit}" > /dev/null || { echo "no revision $revision here" >&2; exit 3; }

failed=()
for manifest in crates/*/Cargo.toml; do
    ! grep -q '^publish = false' "$manifest" || continue
    name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -n 1)
    if ! git cat-file -e "$revision:$manifest" 2> /dev/null; then
        echo "$name is new since $revision"
        continue
    fi
    # Default features, and Burn's CPU backend where there is one: the GPU backends add no API and much to build.
    features=()
    ! grep -q '^flex = ' "$manifest" || features=(--features flex)
    cargo semver-checks --package "$name" --baseline-rev "$revision" --only-explicit-features "${features[@]}" || failed+=("$name")
done
[ ${#failed[@]} -gt 0 ] || { echo "no breaking change since $revision"; exit 0; }
echo "breaking changes since $revision: ${failed[*]}" >&2
exit "$must_hold"
