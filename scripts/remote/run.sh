#!/usr/bin/env bash
# Starts a run on a machine that provision.sh has made ready, and lets go of it: it survives this terminal, crashes, reboots and
# evictions, and stops the machine when it has ended and its results are safe.
#
#   scripts/remote/run.sh baseline --config configs/remote/cifar100_aug_baseline.yaml
#   scripts/remote/run.sh baseline                 # goes on after a pause, a failure or a lost machine
#   scripts/remote/run.sh baseline --pause         # saves and ends, and does not come back
#
#   --config FILE         of the run
#   --set KEY=VALUE       as of `seqjepa train`; may be given again
#   --device DEVICE       as run.device; default `cuda`
#   --environment FILE    shell assignments, as WANDB_API_KEY=..., for the run and the hooks; readable by the user alone there
#   --push COMMAND        takes the results to safety when the run has ended; without it they are safe when fetch.sh has them
#   --stop COMMAND        stops the machine then: `shutdown` (default) is `shutdown -h now`, `none` lets it go on.
#                         docs/remote.md has those of providers
#   --unsafe-hours HOURS  stops it after so long though nobody has fetched; only for disks that survive a stop
#   --dry-run             prints each command and runs none
#
# Hooks are run by bash in the machine's folder with NAME, RUN (the run folder), CODE (the run's exit code) and VERDICT (passed,
# gates failed, failed). A second run waits until the first has ended; the machine is stopped after the last.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

name='' config='' sets=() device=cuda environment='' push='' stop=shutdown hours='' pause=false given=false
while [ $# -gt 0 ]; do
    case $1 in
        --config) config=$(value "$@"); shift ;;
        --set) sets+=("$(value "$@")"); given=true; shift ;;
        --device) device=$(value "$@"); given=true; shift ;;
        --environment) environment=$(value "$@"); shift ;;
        --push) push=$(value "$@"); given=true; shift ;;
        --stop) stop=$(value "$@"); given=true; shift ;;
        --unsafe-hours) hours=$(value "$@"); given=true; shift ;;
        --pause) pause=true ;;
        --dry-run) dry_run=true ;;
        -h | --help) help ;;
        -*) fail "unknown argument '$1'; --help lists them" ;;
        *) [ -z "$name" ] || fail "expected one name, found '$name' and '$1'"; name=$1 ;;
    esac
    shift
done
check_machine
check_name "$name"
job=$REMOTE_DIR/jobs/$name
start=(env START="${START:-}" UNITS="${UNITS:-}" bash "$REMOTE_DIR/machine/start.sh" "$name")

if $pause; then
    on_machine "${start[@]}" pause < /dev/null
    exit
fi
if [ -n "$environment" ]; then
    send "$environment" "$REMOTE_DIR/environment" 600
fi
if [ -z "$config" ]; then
    ! $given || fail "settings belong to the first call of a run, the one with --config"
    on_machine "${start[@]}" on < /dev/null
    exit
fi

[ -r "$config" ] || fail "$config cannot be read"
case $hours in
    *[!0-9]*) fail "--unsafe-hours: expected a whole number, found '$hours'" ;;
esac
for set in ${sets[@]+"${sets[@]}"}; do
    case $set in
        run.output_dir=* | run.device=* | dataset.data_root=*) fail "--set ${set%%=*}: it is this script's to give" ;;
        *$'\n'*) fail "--set: expected one line, found '$set'" ;;
    esac
done
[ "$stop" != shutdown ] || stop='shutdown -h now'
if ! $dry_run && on_machine test -e "$job/settings" < /dev/null; then
    fail "the machine has a run $name; without --config it goes on, and a new one needs another name"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s=%q\n' push "$push" stop "$stop" unsafe_hours "$hours" \
    attempts "${ATTEMPTS:-5}" pause_seconds "${PAUSE_SECONDS:-30}" poll_seconds "${POLL_SECONDS:-10}" > "$work/settings"
printf '%s\n' --set "run.name=$name" --set "run.device=$device" --set dataset.data_root=data > "$work/arguments"
for set in ${sets[@]+"${sets[@]}"}; do
    printf '%s\n' --set "$set" >> "$work/arguments"
done
send "$config" "$job/config.yaml"
send "$work/arguments" "$job/arguments"
# Last, since it says that the run is whole. Hooks may hold secrets.
send "$work/settings" "$job/settings" 600
on_machine "${start[@]}" on < /dev/null
