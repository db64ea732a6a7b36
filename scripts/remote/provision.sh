#!/usr/bin/env bash
# Makes a machine ready for runs: checks it, brings the program, the data and what CUDA needs.
#
#   export REMOTE=root@203.0.113.7 SSH='ssh -p 41022'      # see scripts/remote/common.sh
#   scripts/remote/provision.sh --program target/release/seqjepa --data cifar-100-binary.tar.gz
#   scripts/remote/provision.sh --build
#
#   --program FILE      brings this program, built for Linux on the machine's processor
#   --build             brings this checkout's files and builds there: a quarter to half an hour, 10 GiB of disk
#   --features LIST     of cargo, with --build; default: the device's backend
#   --device DEVICE     as run.device; default `cuda`; `flex` needs no driver
#   --data PATH         a tar archive, or a folder whose content goes to data/; may be given again. Without it the run fetches
#                       CIFAR itself, where its config says `dataset.download: true`
#   --libdevice FILE    NVIDIA's libdevice.10.bc, for machines that cannot fetch the wheel `nvidia-nvvm`
#   --disk GIB          least free disk; default 10, with --build 20
#   --memory GIB        least memory; default 8
#   --dry-run           prints each command and runs none
#
# Machines with Debian or Ubuntu. It can be called again, with other data or another program; runs that go on are not disturbed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

program='' build=false features='' device=cuda data=() libdevice='' disk='' memory=8
while [ $# -gt 0 ]; do
    case $1 in
        --program) program=$(value "$@"); shift ;;
        --build) build=true ;;
        --features) features=$(value "$@"); shift ;;
        --device) device=$(value "$@"); shift ;;
        --data) data+=("$(value "$@")"); shift ;;
        --libdevice) libdevice=$(value "$@"); shift ;;
        --disk) disk=$(value "$@"); shift ;;
        --memory) memory=$(value "$@"); shift ;;
        --dry-run) dry_run=true ;;
        -h | --help) help ;;
        *) fail "unknown argument '$1'; --help lists them" ;;
    esac
    shift
done
check_machine
[ -n "$program" ] || $build || fail "expected --program FILE or --build"
[ -z "$program" ] || ! $build || fail "--program and --build: expected one of the two"
[ -z "$program" ] || [ -x "$program" ] || fail "--program: expected a program, found '$program'"
for path in ${data[@]+"${data[@]}"} ${libdevice:+"$libdevice"}; do
    [ -r "$path" ] || fail "$path cannot be read"
done
backend=${device%%:*}
[ "$backend" = flex ] || [ "$backend" = cpu ] || features=${features:-$backend}
if [ -z "$disk" ]; then
    disk=10
    ! $build || disk=20
fi
prepare=$REMOTE_DIR/machine/prepare.sh

echo "== the machine"
for script in "$here"/machine/*.sh; do
    send "$script" "$REMOTE_DIR/machine/${script##*/}" 755
done
on_machine bash "$prepare" check "$device" "$disk" "$memory" < /dev/null
on_machine bash "$prepare" packages ca-certificates rsync < /dev/null

echo "== the program"
if $build; then
    echo "+ the checkout's files -> $REMOTE:$REMOTE_DIR/source"
    on_machine mkdir -p "$REMOTE_DIR/source" < /dev/null
    if $dry_run; then
        on_machine tar -xf - -C "$REMOTE_DIR/source"
    else
        (cd "$here/../.." && git ls-files -z | tar --null -T - -cf -) | on_machine tar -xf - -C "$REMOTE_DIR/source"
    fi
    on_machine bash "$prepare" build "$features" < /dev/null
else
    send "$program" "$REMOTE_DIR/bin/seqjepa" 755
fi
if [ "$backend" = cuda ]; then
    [ -z "$libdevice" ] || send "$libdevice" "$REMOTE_DIR/cuda/nvvm/libdevice/libdevice.10.bc"
    on_machine bash "$prepare" libdevice < /dev/null
fi
on_machine bash "$prepare" program "$device" < /dev/null

echo "== the data"
for path in ${data[@]+"${data[@]}"}; do
    if [ -d "$path" ]; then
        on_machine mkdir -p "$REMOTE_DIR/data" < /dev/null
        echo "+ $path -> $REMOTE:$REMOTE_DIR/data"
        $dry_run || tar -C "$path" -cf - . | on_machine tar -xf - -C "$REMOTE_DIR/data"
    else
        send "$path" "$REMOTE_DIR/carried/${path##*/}"
        on_machine bash "$prepare" unpack "carried/${path##*/}" < /dev/null
    fi
done
[ ${#data[@]} -gt 0 ] || echo "none brought"
$dry_run || echo "ready: scripts/remote/run.sh NAME --config FILE"
