#!/usr/bin/env bash
# Runs a command where CUDA finds a card that is a program: scripts/cuda_on_processor.sh COMMAND [ARGUMENT..]
#
# The card is crates/ptx-interpreter, built optimised, which stands in for NVIDIA's driver library and interprets PTX on the processor; its
# documentation names the environment variables that it takes. LLVM's library of device functions, which CUDA's kernels are linked with, is
# that below $CUDA_PATH, or else of the wheel nvidia-nvvm, which is fetched and unpacked below target/tools (75 MB to fetch; installs
# nothing). Exits with 3 where there is none to be had, else with the command's code.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: scripts/cuda_on_processor.sh COMMAND [ARGUMENT..]" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}

[ "$(uname -s)" = Linux ] || not_checked "the stand-in for NVIDIA's driver is for Linux alone"
target=${CARGO_TARGET_DIR:-$here/target}
mkdir -p "$target/tools"
target=$(cd "$target" && pwd)
tools=$target/tools
log=$tools/cuda_on_processor.log
device_functions=nvvm/libdevice/libdevice.10.bc

fetch() {
    local work found
    command -v python3 > /dev/null || not_checked "there is no libdevice below \$CUDA_PATH, and no Python to fetch it with"
    work=$(mktemp -d "$tools/cuda.XXXXXX")
    # Told of below if it does not come.
    (
        cd "$work" && python3 -m pip download --quiet --no-deps --dest . nvidia-nvvm &&
            python3 -m zipfile -e nvidia_nvvm-*.whl unpacked
    ) > "$log" 2>&1 || true
    found=$(find "$work" -path "*/$device_functions" -print -quit)
    if [ -z "$found" ]; then
        rm -rf "$work"
        not_checked "the wheel nvidia-nvvm could not be fetched, or holds no libdevice: see $log"
    fi
    mkdir -p "$work/cuda/${device_functions%/*}"
    mv "$found" "$work/cuda/$device_functions"
    # At once, so that a folder of this name is whole.
    mv -T "$work/cuda" "$tools/cuda" 2>> "$log" || [ -e "$tools/cuda/$device_functions" ]
    rm -rf "$work"
}

toolkit=
for folder in "${CUDA_PATH:-}" /usr/local/cuda /opt/cuda /usr/lib/cuda "$tools/cuda"; do
    if [ -z "$toolkit" ] && [ -n "$folder" ] && [ -e "$folder/$device_functions" ]; then
        toolkit=$folder
    fi
done
if [ -z "$toolkit" ]; then
    fetch
    toolkit=$tools/cuda
fi

cargo build --quiet --profile adapter --manifest-path "$here/Cargo.toml" -p seqjepa-ptx-interpreter
# In a folder of its own and under this name alone: what cargo builds lies where every test looks for libraries.
driver=$tools/cuda_driver
mkdir -p "$driver"
ln -sfn "$target/adapter/libptx_interpreter.so" "$driver/libcuda.so.1"

export CUDA_PATH=$toolkit
export LD_LIBRARY_PATH=$driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$@"
