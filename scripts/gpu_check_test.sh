#!/usr/bin/env bash
# Tries scripts/gpu_check.sh on the processor: scripts/gpu_check_test.sh PROGRAM
#
# The whole page, with the backend `ndarray` for a device; one with a program that fails here and there; one of a device that is not
# there; one that SIGINT ends. PROGRAM must have `ndarray`, as that of `cargo test --workspace` has.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: scripts/gpu_check_test.sh PROGRAM}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed() {
    echo "FAILED: $*" >&2
    cat "$page" >&2
    exit 1
}
python=false
check() { # OUTPUT ARGUMENTS...: its exit code is in `code`, its page in `page`
    page=$work/$1/report.md
    code=0
    "$here/gpu_check.sh" --quick --python "$python" --output "$work/$1" "${@:2}" 2> "$work/errors" || code=$?
}
has() {
    grep -qF -e "$1" "$page" || failed "expected '$1'"
}
no_parts() {
    [ -z "$(find "${page%/*}" -name '*.part')" ] || failed "parts of a section are left"
}
whole() {
    local title
    for title in "Devices found" "Every operator" "A run's own model" "The same run twice" "Time and memory" "The same step in PyTorch" \
        "What a step launches" "An epoch of the baseline" "Verdict"; do
        has "## $title"
    done
    no_parts
}

check ndarray --program "$program" --device ndarray
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
whole
has '"backend": "ndarray"'
has "They are the same"
has "Nothing failed."
[ "$(grep -cE '^\| [48] \| f32 \| [0-9.]+ \| [0-9]+ \|' "$page")" = 2 ] || failed "expected two rows of step times"
has "does not compute in bf16"

# Wrong operators, and no memory for the larger batch.
cat > "$work/faulty" << END
#!/bin/sh
case "\$*" in
    *--check*) echo "wrong: sum"; exit 1 ;;
    *runs/step-8-f32*) echo "error: out of memory" >&2; exit 1 ;;
esac
exec "$program" "\$@"
END
chmod +x "$work/faulty"
check faults --program "$work/faulty" --device flex
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
whole
has "- Every operator, at awkward shapes: exit code 1"
has "- Time and memory of a training step: step-8-f32: exit code 1"
[ "$(grep -cE '^\| [48] \| bf16 \| [0-9.]+ \| [0-9]+ \|' "$page")" = 2 ] || failed "expected two rows of step times in bf16"
has "error: out of memory"
has "| 8 | f32 | failed |"

check absent --program "$program" --device cuda
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
whole
has "- Devices found: cuda: exit code 1"

# A card, a driver and a PyTorch that are not there: the parts that ask for them. The program's part is played on the processor. Steps on which
# it is to be slow, and for how long, are in `slow_step`.
bin=$work/bin
mkdir "$bin"
cat > "$bin/nvidia-smi" << 'END'
#!/bin/sh
case "$*" in
    *memory.used*-lms*) while echo 1536; do sleep 0.1; done ;;
    *query-gpu=memory.used*) echo 512 ;;
    *query-gpu=memory.total*) echo 12288 ;;
    *query-gpu=name*) echo "NVIDIA GeForce RTX 3060" ;;
    *query-gpu=power.limit*) echo 170.00 ;;
    *query-gpu=driver_version*) echo 550.54.14 ;;
    *) echo "| NVIDIA-SMI 550.54.14    Driver Version: 550.54.14    CUDA Version: 12.4 |" ;;
esac
END
cat > "$bin/card" << END
#!/bin/bash
case "\$*" in --version) ;; *) [ -e "\${CUDA_PATH:-}/nvvm/libdevice/libdevice.10.bc" ] || { echo "no libdevice" >&2; exit 1; } ;; esac
arguments=()
for argument in "\$@"; do
    case \$argument in
        run.device=cuda:1) arguments+=(run.device=flex) ;;
        cuda:1) arguments+=(ndarray) ;;
        run.precision=tf32 | run.precision=f32) arguments+=(run.precision=null) ;;
        run.kernel_cache=*) arguments+=(run.kernel_cache=null) ;;
        *) arguments+=("\$argument") ;;
    esac
done
echo "\$*" >> "$work/calls"
if [ -e "$work/slow_step" ]; then
    read -r name seconds < "$work/slow_step"
    case "\$*" in *"runs/\$name"*) sleep "\$seconds" ;; esac
fi
exec "$program" "\${arguments[@]}"
END
cat > "$bin/torch_without_card" << 'END'
#!/bin/sh
case "$*" in *is_available*) exit 1 ;; esac
END
cat > "$bin/torch_with_card" << 'END'
#!/bin/sh
case "$*" in *train_step.py*) echo "| variant | of $*"; exit ;; esac
END
chmod +x "$bin"/*
mkdir -p "$work/cuda/nvvm/libdevice"
touch "$work/cuda/nvvm/libdevice/libdevice.10.bc"
PATH=$bin:$PATH
# A toolkit without the file is none.
mkdir "$work/toolkit"
export CUDA_PATH=$work/toolkit
python=torch_with_card
check card --program card --device cuda:1
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
whole
# The processor, which plays it, gives no verdict of itself.
has "ResNet-18 of width 4 in bf16, 8 sequences: no verdict was written"
has "| card | NVIDIA GeForce RTX 3060, 12288 MiB, power limit 170.00 W |"
has "| driver | 550.54.14, CUDA Version: 12.4 |"
for precision in tf32 bf16 f32; do
    grep -qE "^\| 8 \| $precision \| [0-9.]+ \|.*\| 1024 \| [0-9]+ \|" "$page" || failed "expected a row of $precision with 1024 MiB"
done
has "train_step.py --device cuda:1 --width 4 --batches 4 8"
[ "$(grep -c "^devices --check --device cuda:1$" "$work/calls")" = 2 ] || failed "expected two checks of the device alone, fused and not"
grep -q "runs/check-large-bf16.*width=4.*precision=bf16" "$work/calls" || failed "expected the large model in bf16"
grep -q "runs/step-8-tf32.*kernel_cache=kernels" "$work/calls" || failed "expected kernels that are kept"

python=torch_without_card
check sections --program card --device cuda:1 --only pytorch,determinism
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
has "PyTorch is installed but sees no CUDA device"
! grep -q "There is no nvvm" "$page" || failed "the file beside the program's folder was not found"
has "They are the same"
! grep -q "Every operator\|An epoch" "$page" || failed "expected two sections"

# The file elsewhere than the program looks: beside it.
mv "$work/cuda" "$bin/cuda"
check beside --program card --device cuda:1 --only devices
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
! grep -q "There is no nvvm" "$page" || failed "the file beside the program was not found"
if [ -z "$(find /usr/local/cuda/nvvm /opt/cuda/nvvm /usr/lib/cuda/nvvm /usr/nvvm -name libdevice.10.bc 2> /dev/null)" ]; then
    mv "$bin/cuda" "$work/elsewhere"
    check nowhere --program card --device cuda:1 --only devices
    [ "$code" = 1 ] || failed "expected exit code 1, found $code"
    [ "$(grep -c "There is no nvvm/libdevice/libdevice.10.bc" "$page")" = 1 ] || failed "expected a line on the missing file"
    mv "$work/elsewhere" "$bin/cuda"
fi

# Without tensor cores the first batch takes a fifth of the limit: the second is left out, and nothing has failed.
echo "step-4-f32 7" > "$work/slow_step"
check left_out --program card --device cuda:1 --only steps --limit 30
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
grep -qE '^\| 4 \| f32 \| [0-9.]+ \|' "$page" || failed "expected the time of the first batch in f32"
grep -qE '^\| 8 \| f32 \| left out: batch 4 took [0-9]+ s, a fifth or more of 30 s' "$page" || failed "expected that a batch is left out"
grep -qE '^\| 8 \| tf32 \| [0-9.]+ \|' "$page" || failed "expected the second batch in TF32"

# A step that hangs: the row says so, and those after it are timed.
echo "step-4-tf32 30" > "$work/slow_step"
check limit --program card --device cuda:1 --only steps --limit 10
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
has "| 4 | tf32 | took longer than 10 s (--limit) |"
grep -qE '^\| 8 \| tf32 \| [0-9.]+ \|' "$page" || failed "expected that it goes on"
has "- Time and memory of a training step: step-4-tf32: took longer than 10 s (--limit)"
no_parts
rm "$work/slow_step"

# A device elsewhere, which refuses precisions by the names of f32; its name is no number of a card.
cat > "$bin/far" << END
#!/bin/bash
echo "\$*" >> "$work/far_calls"
case "\$*" in *precision=f32* | *precision=tf32*) echo "refused" >&2; exit 1 ;; esac
exec "$program" "\${@//remote:127.0.0.1:3000/flex}"
END
chmod +x "$bin/far"
CUDA_VISIBLE_DEVICES=0 check remote --program far --device remote:127.0.0.1:3000 --only operators,steps
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
grep -q "^devices --check --device remote:127.0.0.1:3000" "$work/far_calls" || failed "expected a check of the device alone"
grep -qE '^\| 8 \| unsaid \| [0-9.]+ \|' "$page" || failed "expected a row without a precision"
has "This program has no feature \`kernel-cache\`"
[ ! -s "$work/errors" ] || ! grep -v "^== \|report.md$" "$work/errors" || failed "expected no errors"

for wrong in epochs steps,epochs,more "devices," "steps launches" ","; do
    check wrong --program "$program" --device flex --only "$wrong"
    page=$work/errors
    [ "$code" = 2 ] || failed "--only '$wrong': expected exit code 2, found $code"
    [ ! -e "$work/wrong" ] || failed "--only '$wrong': expected that nothing is written"
    has "error: --only: expected some of devices, operators"
    [ "$(wc -l < "$page")" = 1 ] || failed "--only '$wrong': expected one message"
done
check wrong --program "$program" --device flex --only steps,epochs,more
page=$work/errors
has "found 'epochs' 'more'"
check wrong --program "$program" --device flex --limit 0
page=$work/errors
[ "$code" = 2 ] || failed "--limit 0: expected exit code 2, found $code"
has "--limit: expected"
python=false

page=$work/interrupted/report.md
# A process of its own group, or it would be told to ignore SIGINT.
set -m
"$here/gpu_check.sh" --quick --python false --output "$work/interrupted" --program "$program" --device ndarray 2> /dev/null &
process=$!
set +m
until grep -qs '^## A run' "$page"; do
    kill -0 "$process" || failed "it ended by itself"
    sleep 0.1
done
kill -INT "$process"
code=0
wait "$process" || code=$?
[ "$code" = 130 ] || failed "expected exit code 130, found $code"
has "interrupted"
has "## Verdict"
no_parts

echo "gpu_check.sh: all is well"
