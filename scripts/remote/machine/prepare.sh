#!/usr/bin/env bash
# On the machine: what scripts/remote/provision.sh has done there, step by step.
#
#   prepare.sh check DEVICE DISK_GIB MEMORY_GIB   is the machine good enough? names all that is wrong
#   prepare.sh packages NAME...                   those of Debian or Ubuntu that are missing
#   prepare.sh libdevice                          NVIDIA's mathematical functions, where no toolkit has them
#   prepare.sh build FEATURES                     bin/seqjepa from source/
#   prepare.sh unpack FILE                        an archive into data/
#   prepare.sh program DEVICE                     does bin/seqjepa run, and does it find the device?
set -euo pipefail
cd "$(dirname "$0")/.."

# The first driver with CUDA 12.0, whose functions the program is built for. Kernels are compiled for what the driver takes.
least_driver=525.60.13

fail() {
    echo "error: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
        sudo "$@"
    else
        fail "this needs root: $*"
    fi
}

check() {
    local device=$1 disk=$2 memory=$3 problems=() found limit card driver
    found=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1048576))
    echo "disk: $found GiB are free in $PWD"
    [ "$found" -ge "$disk" ] || problems+=("disk: expected at least $disk GiB free in $PWD, found $found")

    found=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
    # A container may be given less than there is.
    limit=$(cat /sys/fs/cgroup/memory.max 2> /dev/null || echo max)
    [ "$limit" = max ] || [ "$((limit / 1024))" -ge "$found" ] || found=$((limit / 1024))
    # A machine sold with 8 GiB shows somewhat less.
    found=$(((found + 524288) / 1048576))
    echo "memory: $found GiB"
    [ "$found" -ge "$memory" ] || problems+=("memory: expected at least $memory GiB, found $found")

    case $device in
        cuda*)
            if ! command -v nvidia-smi > /dev/null; then
                problems+=("driver: there is no nvidia-smi, so no driver of NVIDIA; rent an image that has one of at least $least_driver")
            elif ! card=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>&1); then
                problems+=("driver: nvidia-smi finds no card: $card")
            else
                echo "card, driver, memory: $card"
                driver=$(awk -F ', ' 'NR == 1 { print $2 }' <<< "$card")
                if [ "$(printf '%s\n' "$least_driver" "$driver" | sort -V | head -n 1)" != "$least_driver" ]; then
                    problems+=("driver: expected at least $least_driver, which CUDA 12 needs, found $driver; take an image with a newer one")
                fi
            fi
            ;;
    esac
    [ ${#problems[@]} = 0 ] || fail "$(printf '%s\n' "this machine will not do:" "${problems[@]/#/  }")"
}

packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2> /dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get > /dev/null || fail "there is no apt-get to install ${missing[*]} with"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

libdevice() {
    local path=nvvm/libdevice/libdevice.10.bc folder
    for folder in cuda ${CUDA_PATH:+"$CUDA_PATH"} /usr/local/cuda /opt/cuda /usr/lib/cuda /usr; do
        if [ -e "$folder/$path" ]; then
            echo "libdevice: $folder/$path"
            # Runs start without this shell's variables, and look here.
            if [ "$folder" != cuda ]; then
                mkdir -p "cuda/${path%/*}"
                cp "$folder/$path" "cuda/$path"
            fi
            return
        fi
    done
    packages python3 python3-pip
    rm -rf cuda.partial
    python3 -m pip download --quiet --no-deps --dest cuda.partial 'nvidia-nvvm>=13'
    python3 -m zipfile -e cuda.partial/nvidia_nvvm-*.whl cuda.partial
    mkdir -p "cuda/${path%/*}"
    mv "$(find cuda.partial -name libdevice.10.bc)" "cuda/$path"
    rm -rf cuda.partial
    echo "libdevice: cuda/$path, of the wheel nvidia-nvvm"
}

build() {
    packages build-essential ca-certificates curl pkg-config zlib1g-dev libzstd-dev libz3-4
    export PATH=$HOME/.cargo/bin:$PATH
    if ! command -v cargo > /dev/null; then
        curl --proto '=https' -fsSL https://sh.rustup.rs | sh -s -- -y --profile minimal
    fi
    local oldest found
    oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' source/Cargo.toml)
    found=$(cargo --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$oldest" "$found" | sort -V | head -n 1)" = "$oldest" ] ||
        fail "expected cargo $oldest or newer on the machine, found $found: \`rustup update\` there brings it"
    # The oldest functions that do: a program for those of a newer CUDA finds them missing in an older driver.
    export CUDARC_CUDA_VERSION=12000
    (cd source && cargo build --release --locked -p seqjepa --features "$1")
    mkdir -p bin
    cp source/target/release/seqjepa bin/seqjepa.partial
    mv bin/seqjepa.partial bin/seqjepa
}

unpack() {
    mkdir -p data
    tar -xf "$1" -C data
    rm "$1"
    echo "data: $(find data -type f | wc -l) files"
}

program() {
    [ ! -d cuda ] || export CUDA_PATH=$PWD/cuda
    bin/seqjepa --version || fail "the program does not run here; was it built for this processor, with a glibc not newer than $(ldd --version | sed -n '1s/.* //p')?"
    bin/seqjepa devices --require "$1" || fail "expected a device $1, found none: see above"
}

step=${1:-}
case $step in
    check | packages | libdevice | build | unpack | program) shift; $step "$@" ;;
    *) fail "expected a step, found '$step'" ;;
esac
