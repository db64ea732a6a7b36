#!/usr/bin/env bash
# Reads what a run logs with the public readers: scripts/check_tracking.sh
#
# Makes a small run that is killed and resumed, with both trackers; reads it with TensorBoard's EventAccumulator and W&B's datastore and
# protobufs, compares every value with metrics.jsonl, and has `wandb sync` send it to a stand-in for the server on this machine
# (scripts/tracking/). Python's packages go to an environment of their own below target/; exits with 3 where Python or the packages
# are not to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}

target=${CARGO_TARGET_DIR:-$PWD/target}
environment=$target/tools/tracking
if [ ! -e "$environment/ready" ]; then
    command -v python3 > /dev/null || not_checked "there is no python3"
    rm -rf "$environment"
    python3 -m venv "$environment" || not_checked "python3 makes no virtual environment"
    "$environment/bin/pip" install --quiet wandb==0.31.0 tensorboard==2.21.0 \
        || not_checked "wandb and tensorboard could not be installed"
    # A version with a reader in Python; later ones read the log in Go alone.
    "$environment/bin/pip" install --quiet --no-deps --target "$environment/earlier" wandb==0.25.1 \
        || not_checked "wandb's reader could not be installed"
    touch "$environment/ready"
fi

# With the examples, for the features of `cargo test --workspace`: nothing is built a second time then.
cargo build --workspace --bins --examples
"$environment/bin/python" scripts/tracking/check.py "$target/debug/seqjepa" "$environment"
