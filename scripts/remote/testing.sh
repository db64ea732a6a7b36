# shellcheck shell=bash
# What test.sh and chroot_test.sh share.

failed() {
    echo "FAILED: $*" >&2
    exit 1
}
wait_for() { # WHAT SECONDS COMMAND...
    local what=$1 left=$(($2 * 10))
    shift 2
    until "$@" > /dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || failed "waited in vain for $what"
        sleep 0.1
    done
}

# The config of a run of seconds.
tiny_config() {
    cat << 'EOF'
run: {name: tiny, seed: 7, device: flex, epochs: 4, checkpoint_steps: 1}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 64, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
eval: {seq_len: 2, max_seq_len: 2, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
EOF
}
