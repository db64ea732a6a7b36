# The program with CUDA in an image that needs NVIDIA's driver on the machine, and its container toolkit:
#
#   docker build -t seqjepa .
#   docker run --rm --gpus all seqjepa devices --check
#   docker run -d --gpus all --name baseline --restart on-failure --stop-timeout 300 \
#       -v "$PWD/runs:/seqjepa/runs" -v "$PWD/data:/seqjepa/data" \
#       seqjepa train --config configs/remote/cifar100_aug_baseline.yaml --resume auto
#
# The build takes some half an hour on two cores, and fetches LLVM from GitHub; `--build-arg LLVM=debian` takes that of Debian instead,
# `--build-arg FEATURES=flex` needs none. docs/remote.md says how runs go on in it.

FROM rust:1.95-bookworm AS build
ARG FEATURES=cuda
ARG LLVM=bundle
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libz3-4 libzstd-dev python3-pip zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*

# What NVPTX has no instruction for, in NVIDIA's own code; of the toolkit nothing else is needed.
RUN python3 -m pip download --no-cache-dir --no-deps --dest /wheel 'nvidia-nvvm>=13' \
    && python3 -m zipfile -e /wheel/nvidia_nvvm-*.whl /wheel/unpacked \
    && mkdir -p /cuda/nvvm/libdevice \
    && mv "$(find /wheel/unpacked -name libdevice.10.bc)" /cuda/nvvm/libdevice/ \
    && rm -rf /wheel

WORKDIR /source
COPY . .
RUN if [ "$LLVM" = debian ]; then scripts/llvm_from_debian.sh; fi
# The oldest functions of the driver that do; no toolkit is there that could be asked for its version.
ENV CUDARC_CUDA_VERSION=12000
RUN cargo build --release --locked -p seqjepa --features "$FEATURES"

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /cuda /usr/local/cuda
COPY --from=build /source/target/release/seqjepa /usr/local/bin/seqjepa
# A library that is missing here is found out now.
RUN ["seqjepa", "--version"]
# What the container toolkit brings of the driver: CUDA, and nvidia-smi.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /seqjepa
COPY configs configs
ENTRYPOINT ["seqjepa"]
