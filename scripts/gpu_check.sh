#!/usr/bin/env bash
# What a graphics card does with this project, as one Markdown page: is its arithmetic right, how fast is it, what memory does it take.
#
#   scripts/gpu_check.sh --program target/release/seqjepa --data data
#
#   --program FILE    the program, built with the device's feature; default `seqjepa`
#   --device DEVICE   as run.device; default `cuda`. `flex` and `ndarray` are the processor: to try the script itself
#   --output FOLDER   for report.md and what each step printed; default `gpu-check`; must not be there
#   --data FOLDER     with cifar-100-binary or cifar-10-batches-bin, for the epoch of the baseline; default: built-in pictures
#   --python PROGRAM  a Python for the same step in PyTorch, where it has torch; default `python3`
#   --only SECTIONS   some of devices, operators, models, determinism, steps, launches, pytorch, epoch, with commas between them; default: all
#   --limit SECONDS   what a step may take before it is ended and counted as failed; default 1800. In f32 on CUDA, batches above 128 are
#                     timed only where that one took less than a fifth of it
#   --quick           tiny models and few steps: the figures mean nothing then
#
# Needs the program, a driver and, where no CUDA toolkit is installed, NVIDIA's mathematical functions as
# nvvm/libdevice/libdevice.10.bc in a folder `cuda` beside the program or beside the folder that it is in (docs/gpu.md says where to get them): no
# toolchain, no network. How long it takes is not known: a program with the feature kernel-cache keeps its kernels from one step to the next,
# any other compiles and tunes them in each. What fails is told of in its section and at the end, and the rest goes on; the exit code is then
# 1. SIGINT ends it with a page of what there is.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    echo "error: $*; --help lists the arguments" >&2
    exit 2
}
value() {
    [ $# -ge 2 ] || usage "$1: expected a value"
    printf '%s\n' "$2"
}

typed="$0 $*"
program=seqjepa device=cuda output=gpu-check data='' python=python3 only='' limit=1800 quick=false
while [ $# -gt 0 ]; do
    case $1 in
        --program) program=$(value "$@") || exit; shift ;;
        --device) device=$(value "$@") || exit; shift ;;
        --output) output=$(value "$@") || exit; shift ;;
        --data) data=$(value "$@") || exit; shift ;;
        --python) python=$(value "$@") || exit; shift ;;
        --only) only=$(value "$@") || exit; shift ;;
        --limit) limit=$(value "$@") || exit; shift ;;
        --quick) quick=true ;;
        -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;;
        *) usage "unknown argument '$1'" ;;
    esac
    shift
done
sections="devices operators models determinism steps launches pytorch epoch"
# A word that is no section's would else leave all out, and nothing would fail.
if [ -n "$only" ]; then
    wrong=''
    IFS=, read -ra named <<< "$only,"
    for name in "${named[@]}"; do
        [[ " $sections " = *" $name "* && "$name" != *" "* && -n "$name" ]] || wrong+=" '$name'"
    done
    [ -z "$wrong" ] || usage "--only: expected some of ${sections// /, }, with commas alone between them, found$wrong"
fi
[[ "$limit" =~ ^[1-9][0-9]*$ ]] || usage "--limit: expected a number of seconds, found '$limit'"
wanted() { # SECTION
    [ -z "$only" ] || [[ ",$only," = *",$1,"* ]]
}
program=$(command -v "$program") || usage "--program: there is no such program"
program=$(realpath "$program")
version=$("$program" --version) || usage "--program: '$program' does not run"
dataset=(--set dataset.name=synthetic)
pictures="built-in pictures"
if [ -n "$data" ]; then
    data=$(realpath "$data")
    if [ -d "$data/cifar-100-binary" ]; then
        dataset=(--set dataset.name=cifar100_aug) pictures=CIFAR-100
    elif [ -d "$data/cifar-10-batches-bin" ]; then
        dataset=(--set dataset.name=cifar10_aug) pictures=CIFAR-10
    else
        usage "--data: expected a folder with cifar-100-binary or cifar-10-batches-bin, found '$data'"
    fi
    dataset+=(--set dataset.data_root="$data")
fi
[ ! -e "$output" ] || usage "--output: $output is there already"
mkdir -p "$output" || exit
output=$(cd "$output" && pwd)
report=$output/report.md
cd "$output" || exit

backend=${device%%:*} number=0
case $device in *:*) number=${device#*:} ;; esac
[ "$backend" != cpu ] || backend=flex
is_cpu=false
case $backend in flex | ndarray) is_cpu=true ;; esac
# The program's numbers are then those of nvidia-smi.
export CUDA_DEVICE_ORDER=PCI_BUS_ID
has_smi=false
if [ "$backend" = cuda ] && command -v nvidia-smi > /dev/null; then
    has_smi=true
fi
# The driver's number, or its identifier, of what is the program's.
card_of_driver=$number
if [ -n "${CUDA_VISIBLE_DEVICES:-}" ] && [[ "$number" =~ ^[0-9]+$ ]]; then
    card_of_driver=$(tr -d ' ' <<< "$CUDA_VISIBLE_DEVICES" | cut -d , -f "$((number + 1))")
fi
# Kernels need NVIDIA's mathematical functions; where no toolkit has them, they can be carried along.
functions=nvvm/libdevice/libdevice.10.bc
near=$(dirname "$program")
has_functions=false
for folder in "${CUDA_PATH:-}" /usr/local/cuda /opt/cuda /usr/lib/cuda /usr "$near/cuda" "$near/../cuda"; do
    if [ -n "$folder" ] && [ -f "$folder/$functions" ]; then
        export CUDA_PATH=$folder
        has_functions=true
        break
    fi
done
smi() { # FIELD
    nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits -i "$card_of_driver" 2> /dev/null | head -n 1
}

# The page grows by whole sections.
failures=() failed_steps=() title='' child='' poller=''
section() {
    flush
    title=$1
    echo "== $title" >&2
    printf '\n## %s\n\n' "$title" > section.part
}
write() {
    printf '%s\n' "$@" >> section.part
}
flush() {
    [ ! -e section.part ] || { cat section.part >> "$report"; rm section.part; }
}
problem() { # WHAT [LOG]
    failures+=("$title: $1")
    write "" "**Failed**: $1."
    [ $# -lt 2 ] || block "$(tail -n 15 "$2")"
}
block() {
    write "" '```text' "$1" '```'
}
finish() {
    section "Verdict"
    if [ ${#failures[@]} = 0 ]; then
        write "Nothing failed."
    else
        write "Failed:" ""
        printf -- '- %s\n' "${failures[@]}" >> section.part
    fi
    flush
    echo "$report" >&2
}
end_child() {
    local left
    kill -TERM "$child" 2> /dev/null
    for ((left = 100; left > 0; left--)); do
        kill -0 "$child" 2> /dev/null || break
        sleep 0.1
    done
    kill -KILL "$child" 2> /dev/null
}
interrupted() {
    trap '' INT TERM HUP
    end_poller
    [ -z "$child" ] || end_child
    problem "interrupted"
    finish
    exit 130
}
trap interrupted INT TERM HUP
end_poller() {
    [ -z "$poller" ] || { kill "$poller" 2> /dev/null; wait "$poller" 2> /dev/null; }
    poller=
}

# Runs a command with its output in NAME.log: step NAME COMMAND...; then `code`, in words `outcome`, whether it was too
# `late`, and what it `took`: seconds, `host_mib`, `device_mib`.
step() {
    local log=$1.log before=0 found begun=$SECONDS
    shift
    late=false
    host_mib=- device_mib=-
    if $has_smi; then
        before=$(smi memory.used)
        nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -i "$card_of_driver" -lms 100 > memory.part 2> /dev/null &
        poller=$!
    fi
    "$@" > "$log" 2>&1 < /dev/null &
    child=$!
    while kill -0 "$child" 2> /dev/null; do
        found=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$child/status" 2> /dev/null)
        host_mib=${found:-$host_mib}
        if [ $((SECONDS - begun)) -ge "$limit" ]; then
            late=true
            end_child
            break
        fi
        sleep 0.1
    done
    wait "$child"
    code=$?
    took=$((SECONDS - begun))
    outcome="exit code $code"
    if $late; then
        code=124 outcome="took longer than $limit s (--limit)"
    fi
    child=
    if $has_smi; then
        end_poller
        found=$(sort -n memory.part | tail -n 1)
        # Some cards do not say.
        [[ ! "$found $before" =~ ^[0-9]+\ [0-9]+$ ]] || device_mib=$((found - before))
        rm -f memory.part
    fi
}
train() { # NAME ARGUMENTS...
    local name=$1
    shift
    step "$name" "$program" train --skip-evaluation --set run.device="$device" --set run.output_dir="runs/$name" \
        ${kernels[@]+"${kernels[@]}"} "$@"
}
# A figure of the last line of metrics.jsonl: figure NAME KEY
figure() {
    tail -n 1 "runs/$1/metrics.jsonl" | grep -o "\"$2\":[^,}]*" | cut -d : -f 2
}

cat > tiny.yaml << 'EOF'
run: {name: tiny, seed: 42, epochs: 2, device_check: off}
dataset: {name: synthetic, seq_len: 2, batch_size: 16, synthetic_train: 64, synthetic_val: 32}
model: {img_size: 16, width: 4, cifar_resnet: false, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
EOF
# configs/remote/cifar100_aug_baseline.yaml on built-in pictures.
cat > baseline.yaml << 'EOF'
run: {name: baseline, seed: 42, epochs: 1, device_check: off}
dataset: {name: synthetic, seq_len: 3, batch_size: 128, num_workers: 8, synthetic_train: 50000, synthetic_val: 10000}
model: {img_size: 32, pred_hidden: 1024, num_heads: 4, num_enc_layers: 3, act_projdim: 128, cifar_resnet: true}
optim: {name: adam, lr: 0.001, probe_lr: 0.001}
EOF
batches=(32 64 128 256 512) width=64 warm_epochs=3 large=128 probe=128
epoch=()
if $quick; then
    batches=(4 8) width=4 warm_epochs=2 large=8 probe=4
    epoch=(--set dataset.synthetic_train=64 --set dataset.synthetic_val=16 --set dataset.batch_size=8 --set run.max_steps=8 --set run.max_val_steps=2)
    sed -i 's/img_size: 32, pred_hidden: 1024/img_size: 16, pred_hidden: 32/; s/num_enc_layers: 3/num_enc_layers: 1/; s/cifar_resnet: true/cifar_resnet: false/' baseline.yaml
    sed -i 's/probe_lr: 0.001/probe_lr: 0.001, probe_hidden: 16/' baseline.yaml
fi
model="ResNet-18 of width $width"

card="the processor"
if $has_smi; then
    card=$(smi name)
    card=${card:-no card found}
elif ! $is_cpu; then
    card=$device
fi
{
    printf '# GPU check: %s\n\n' "$card"
    ! $quick || printf '**A quick trial of this script, with tiny models: no figure below means anything.**\n\n'
    printf '| | |\n|---|---|\n'
    if $has_smi; then
        echo "| card | $card, $(smi memory.total) MiB, power limit $(smi power.limit) W |"
        echo "| driver | $(smi driver_version), $(nvidia-smi | grep -o 'CUDA Version: [0-9.]*' | head -n 1) |"
    fi
    echo "| device | \`run.device=$device\` |"
    echo "| program | $version |"
    echo "| processor | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) threads, $(awk '/^MemTotal/ { print int($2 / 1048576 + 0.5) }' /proc/meminfo) GiB |"
    echo "| system | $(uname -sr) |"
    echo "| date | $(date -u +%Y-%m-%d) |"
    echo "| command | \`$typed\` |"
    echo
    echo "\`tf32\`: on CUDA, Burn rounds the factors of f32 products to TF32 on tensor cores, unasked. \`f32\` and \`bf16\` are run.precision."
    if [ "$backend" = cuda ] && ! $has_functions; then
        printf '\n%s\n' "There is no $functions below \$CUDA_PATH, where toolkits are installed, or carried along; kernels that need it fail."
    fi
} > "$report"

# What the device does of itself, and bf16 where it has it; kernels from one step to the next where the program keeps them.
precisions=(f32) kernels=() has_bf16=false
if wanted models || wanted steps; then
    [ "$backend" != cuda ] || precisions=(tf32)
    # It refuses f32 by name, since it does not say whether it rounds to TF32.
    [ "$backend" != remote ] || precisions=(unsaid)
    section "Precisions"
    step bf16 "$program" train --dry-run --config tiny.yaml --set run.device="$device" --set run.precision=bf16
    if [ "$code" = 0 ]; then
        precisions+=(bf16)
        has_bf16=true
        write "It computes in bf16."
    elif grep -q "does not compute in bf16" bf16.log; then
        write "This device does not compute in bf16."
    else
        problem "bf16: $outcome" bf16.log
    fi
    [ "$backend" != cuda ] || precisions+=(f32)
fi
if ! $is_cpu; then
    step kernels "$program" train --dry-run --config tiny.yaml --set run.device="$device" --set run.kernel_cache=kernels
    if [ "$code" = 0 ]; then
        kernels=(--set run.kernel_cache=kernels)
        printf '\n%s\n' "Steps that train go by one \`run.kernel_cache\`: a kernel is compiled and tuned in the first step that needs it." >> "$report"
    elif grep -q "keeps no kernels" kernels.log; then
        printf '\n%s\n' "This program has no feature \`kernel-cache\`: every step compiles and tunes its kernels anew." >> "$report"
    fi
fi

if wanted devices; then
    section "Devices found"
    step devices "$program" devices --require "$device"
    block "$(cat devices.log)"
    [ "$code" = 0 ] || problem "$device: $outcome"
fi

if wanted operators; then
    section "Every operator, at awkward shapes"
    write "\`seqjepa devices --check --device $device\`, against the processor; fused and not."
    step operators "$program" devices --check --device "$device"
    block "$(cat operators.log)"
    [ "$code" = 0 ] || problem "$outcome"
    if ! $is_cpu; then
        step operators-unfused env BURN_FUSION_MAX_EXPLORATIONS=0 "$program" devices --check --device "$device"
        block "$(cat operators-unfused.log)"
        [ "$code" = 0 ] || problem "without fused kernels: $outcome"
    fi
fi

own_model() { # NAME WHAT ARGUMENTS...
    local name=$1 what=$2
    shift 2
    train "$name" "$@" --set run.device_check=full --set run.epochs=1 --set run.max_steps=2 --set run.max_val_steps=1 --set run.save_checkpoint=false
    write "" "$what:"
    if [ "$code" != 0 ]; then
        problem "$what: $outcome" "$name.log"
    elif [ "$backend" = flex ]; then
        write "" "\`flex\` is what others are held against; a run on it is not checked."
    elif [ ! -e "runs/$name/device_check.json" ]; then
        problem "$what: no verdict was written"
    else
        block "$(cat "runs/$name/device_check.json")"
    fi
}
if wanted models; then
    section "A run's own model"
    write "What a run begins with (\`run.device_check: full\`): the model on a batch of its own, representations, loss, gradients and a step of the" \
        "optimizer, on the device and on the processor. \`share\` is the largest distance as a share of what is right; at most 1."
    large_model=(--config baseline.yaml --set model.width="$width" --set dataset.batch_size="$large"
        --set dataset.synthetic_train=$((2 * large)) --set dataset.synthetic_val="$large")
    own_model check-tiny "the tiny model, 16 sequences" --config tiny.yaml
    own_model check-large "$model, $large sequences" "${large_model[@]}"
    if [ "$backend" = cuda ]; then
        own_model check-f32 "the tiny model in f32, without tensor cores" --config tiny.yaml --set run.precision=f32
    fi
    if $has_bf16; then
        own_model check-bf16 "the tiny model in bf16" --config tiny.yaml --set run.precision=bf16
        own_model check-large-bf16 "$model in bf16, $large sequences" "${large_model[@]}" --set run.precision=bf16
    fi
fi

if wanted determinism; then
    section "The same run twice"
    write "Digest of the final state of two runs of one config and seed, $model, 8 steps. On a GPU they may differ: kernels are tuned at run" \
        "time and may sum in another order."
    for name in twice-1 twice-2; do
        train "$name" --config baseline.yaml --set model.width="$width" --set dataset.batch_size="${batches[0]}" \
            --set dataset.synthetic_train=$((8 * batches[0])) --set dataset.synthetic_val="${batches[0]}"
        [ "$code" = 0 ] || problem "$outcome" "$name.log"
    done
    digests=$(sed -n 's/^final state: //p' twice-1.log twice-2.log)
    if [ "$(wc -l <<< "$digests")" = 2 ]; then
        same="**different**"
        [ "$(uniq <<< "$digests" | wc -l)" = 2 ] || same="the same"
        write "" "They are $same; training loss $(figure twice-1 ep_loss) and $(figure twice-2 ep_loss)."
        block "$digests"
    fi
fi

# Why larger batches in f32 on CUDA are left out.
left_out=''
time_steps() { # BATCH PRECISION
    local batch=$1 precision=$2 setting=$2 slow=false steps name said
    [ "$precision" != unsaid ] || setting=null
    steps=$((5120 / batch))
    [ "$steps" -le 40 ] || steps=40
    [ "$steps" -ge 20 ] || steps=20
    # Without tensor cores a step takes many times as long, and varies less.
    [ "$backend-$precision" != cuda-f32 ] || slow=true steps=5
    ! $quick || steps=3
    if [ -n "$left_out" ] && $slow && [ "$batch" -gt "$probe" ]; then
        write "| $batch | $precision | left out: $left_out | | | | | |"
        return
    fi
    name=step-$batch-$precision
    train "$name" --config baseline.yaml --set model.width="$width" --set dataset.batch_size="$batch" --set run.epochs="$warm_epochs" \
        --set run.precision="$setting" \
        --set dataset.synthetic_train=$((steps * batch)) --set dataset.synthetic_val="$batch" --set run.save_checkpoint=false
    if $slow && [ "$batch" = "$probe" ]; then
        # As many steps of four times the sequences, and somewhat to spare.
        if [ "$code" != 0 ]; then
            left_out="batch $batch: $outcome"
        elif [ $((5 * took)) -ge "$limit" ]; then
            left_out="batch $batch took $took s, a fifth or more of $limit s (--limit)"
        fi
    fi
    if [ "$code" != 0 ]; then
        said=failed
        ! $late || said=$outcome
        write "| $batch | $precision | $said | | | | $device_mib | $host_mib |"
        failed_steps+=("$name $outcome")
        return
    fi
    tail -n +2 "runs/$name/metrics.jsonl" | sed 's/.*"data_wait_share":\([^,}]*\).*"train_time":\([^,}]*\).*/\2 \1/' | sort -g | head -n 1 \
        | awk -v batch="$batch" -v precision="$precision" -v steps="$steps" -v device="$device_mib" -v host="$host_mib" '{
            step = $1 / steps
            printf "| %d | %s | %.4f | %.0f | %.0f | %.0f %% | %s | %s |\n", batch, precision, step, batch / step, 4 * batch / step, 100 * $2, device, host
        }' >> section.part
}
if wanted steps; then
    section "Time and memory of a training step"
    write "$model, views of $(sed -n 's/.*img_size: \([0-9]*\).*/\1/p' baseline.yaml) pixels, M = 3, augmented by 8 threads, with the four online" \
        "probes: the training part of the fastest epoch after the first, divided by its steps; in f32 on CUDA epochs of 5," \
        "and batches above $probe only where that one took less than a fifth of --limit. Device memory is what \`nvidia-smi\` shows above" \
        "what was taken before, with what Burn keeps for later; host memory is the process's peak."
    [ "$backend" != remote ] || write "\`unsaid\`: f32, of which a remote device does not say whether it rounds to TF32."
    write "" \
        "| batch | precision | s a step | sequences/s | views/s | waiting for data | device MiB | host MiB |" \
        "|---:|---|---:|---:|---:|---:|---:|---:|"
    for batch in "${batches[@]}"; do
        for precision in "${precisions[@]}"; do
            time_steps "$batch" "$precision"
        done
    done
    for failed in ${failed_steps[@]+"${failed_steps[@]}"}; do
        problem "${failed%% *}: ${failed#* }" "${failed%% *}.log"
    done
fi

if wanted launches; then
    section "What a step launches"
    if $is_cpu; then
        write "Nothing: the processor has no kernels to launch."
    else
        step launches "$program" train --dry-run --config baseline.yaml --set run.device="$device" --set model.width="$width" \
            --set dataset.batch_size="$large" --set dataset.synthetic_train=$((4 * large)) --set dataset.synthetic_val="$large" \
            ${kernels[@]+"${kernels[@]}"}
        write "\`train --dry-run\`, $model, batch $large:"
        block "$(sed -n '/^kernels:/,/^values/p' launches.log)"
        [ "$code" = 0 ] || problem "$outcome" launches.log
    fi
fi

if wanted pytorch; then
    section "The same step in PyTorch"
    peer=$here/../benches/peers/train_step.py
    torch_device=cuda:$number
    ! $is_cpu || torch_device=cpu
    if [ ! -e "$peer" ]; then
        write "Not measured: benches/peers/train_step.py is not beside this script."
    elif ! "$python" -c 'import torch, torchvision' 2> /dev/null; then
        write "Not measured: \`$python\` has no torch and torchvision."
    elif [ "$backend" != cuda ] && ! $is_cpu; then
        write "Not measured: PyTorch is asked for CUDA alone."
    elif ! $is_cpu && ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
        write "Not measured: PyTorch is installed but sees no CUDA device (\`$python\`)."
    else
        write "Forward, backward, Adam and moving average on random data that lie on the device, the least time of a step: no augmentation, no probes."
        seconds=5
        ! $quick || seconds=0.2
        step pytorch "$python" "$peer" --device "$torch_device" --width "$width" --batches "${batches[@]}" --seconds "$seconds"
        write "" "$(grep -v '^/\|Warning' pytorch.log)"
        [ "$code" = 0 ] || problem "$outcome" pytorch.log
    fi
fi

if wanted epoch; then
    section "An epoch of the baseline"
    train epoch --config baseline.yaml --set model.width="$width" "${dataset[@]}" ${epoch[@]+"${epoch[@]}"}
    if [ "$code" = 0 ]; then
        write "configs/remote/cifar100_aug_baseline.yaml, its first epoch on $pictures with training, test and diagnostics, and with what a device does" \
            "once." \
            "" \
            "| | |" \
            "|---|---:|" \
            "| epoch, s | $(figure epoch ep_time) |" \
            "| of it training, s | $(figure epoch train_time) |" \
            "| waiting for data, share of training | $(figure epoch data_wait_share) |" \
            "| training loss | $(figure epoch ep_loss) |" \
            "| test loss | $(figure epoch test_loss) |" \
            "| device MiB | $device_mib |" \
            "| host MiB | $host_mib |"
    else
        problem "$outcome" epoch.log
    fi
fi

finish
rm -rf runs kernels
[ ${#failures[@]} = 0 ]
