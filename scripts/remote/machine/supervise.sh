#!/usr/bin/env bash
# On the machine: brings one run to its end, whatever happens meanwhile, and then stops the machine: supervise.sh NAME
#
# Called at the start of the run, after every boot, and by cron every few minutes; only one at a time is at work on a run. It
#   1. waits until no other run of this folder trains,
#   2. runs `seqjepa train --resume auto` until that has passed (exit code 0) or failed its gates (3), or has failed ATTEMPTS times
#      without another step saved; the end is kept in jobs/NAME/ended,
#   3. calls the push command, or else waits until fetch.sh has the results: jobs/NAME/safe,
#   4. calls the stop command, once, when every run of this folder has ended and is safe: stopped.
# SIGTERM, as at a shutdown, lets the run save; the next call goes on.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
name=$1
job=jobs/$name

# Held by this process and the run that it starts, so that a run whose supervisor was killed is not started a second time.
# Others hold it for a moment to see whether somebody does.
exec 9>> "$job/lock"
flock -w 5 9 || exit 0
echo $$ > "$job/pid"
exec < /dev/null >> "$job/log" 2>&1

say() {
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) supervise: $*"
}

# What run.sh has written: push, stop, unsafe_hours; and attempts, pause_seconds, poll_seconds.
push='' stop=none unsafe_hours='' attempts=5 pause_seconds=30 poll_seconds=10
# shellcheck source=/dev/null
. "$job/settings"
mapfile -t arguments < "$job/arguments"
# Tokens of hooks and trackers.
if [ -e environment ]; then
    set -a
    # shellcheck source=/dev/null
    . ./environment
    set +a
fi
[ ! -d cuda ] || export CUDA_PATH=$PWD/cuda

stopping=false child=
trap 'stopping=true; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' TERM INT HUP

# Runs a command, passing signals on; its exit code is in `code`.
run() {
    "$@" &
    child=$!
    while :; do
        wait "$child"
        code=$?
        # A signal ends `wait`, not the child.
        if [ "$code" -le 128 ] || ! kill -0 "$child" 2> /dev/null; then
            break
        fi
    done
    child=
}

pause() {
    run sleep "$1"
    leave_if_asked
}

leave_if_asked() {
    ! $stopping || { say "asked to leave; the next call goes on"; exit 0; }
}

# Files are there whole or not at all, also after a crash.
keep() {
    cat > "$1.partial" && sync "$1.partial" && mv "$1.partial" "$1" && sync "$(dirname "$1")"
}

# Optimizer steps of the newest checkpoint.
saved_steps() {
    sed -n 's/^ *"checkpoint_step": *\([0-9]*\).*/\1/p' "runs/$name/status.json" 2> /dev/null | grep . || echo 0
}

ended() {
    local verdict=failed
    case $1 in
        0) verdict=passed ;;
        3) verdict="gates failed" ;;
    esac
    printf 'code=%s\nverdict="%s"\n' "$1" "$verdict" | keep "$job/ended" || exit 1
    say "ended: $verdict (exit code $1)"
}

train() {
    local failures=0 before now
    exec 8>> lock
    if ! flock -n 8; then
        say "waiting until another run has ended"
        run flock 8
        leave_if_asked
    fi
    before=$(saved_steps)
    while :; do
        say "starting; the newest checkpoint has $before steps"
        run bin/seqjepa train --config "$job/config.yaml" ${arguments[@]+"${arguments[@]}"} \
            --set run.output_dir="runs/$name" --resume auto
        leave_if_asked
        case $code in
            0 | 2 | 3) break ;;
        esac
        now=$(saved_steps)
        [ "$now" -le "$before" ] || failures=0
        before=$now
        failures=$((failures + 1))
        say "exit code $code, failure $failures of at most $attempts without another step saved"
        [ "$failures" -lt "$attempts" ] || break
        pause "$((pause_seconds * failures))"
    done
    ended "$code"
    exec 8>&-
}

# Calls a command of the user's up to `attempts` times: hook WHAT COMMAND
hook() {
    local tries
    for ((tries = 1; tries <= attempts; tries++)); do
        say "$1: $2"
        run env NAME="$name" RUN="$PWD/runs/$name" CODE="$end_code" VERDICT="$end_verdict" bash -c "$2" 8>&- 9>&-
        leave_if_asked
        [ "$code" != 0 ] || return 0
        say "$1: exit code $code"
        [ "$tries" = "$attempts" ] || pause "$((pause_seconds * tries))"
    done
    return 1
}

make_safe() {
    local since
    if [ -n "$push" ] && hook push "$push"; then
        echo pushed | keep "$job/safe"
        return
    fi
    say "waiting for fetch.sh"
    since=$(stat -c %Y "$job/ended")
    while [ ! -e "$job/safe" ]; do
        if [ -n "$unsafe_hours" ] && [ $(($(date +%s) - since)) -ge $((unsafe_hours * 3600)) ]; then
            say "not fetched in $unsafe_hours hours"
            echo "not fetched in $unsafe_hours hours" | keep "$job/safe"
        else
            pause "$poll_seconds"
        fi
    done
}

# The first run that has not ended, or whose results are not safe.
unfinished() {
    local other
    for other in jobs/*/; do
        if [ ! -e "$other/ended" ] || [ ! -e "$other/safe" ]; then
            basename "$other"
            return
        fi
    done
    return 1
}

stop_machine() {
    local other
    [ "$stop" != none ] || { say "the machine goes on"; return; }
    if other=$(unfinished); then
        say "not stopping the machine before $other has ended and is safe"
        while unfinished > /dev/null; do
            pause "$poll_seconds"
        done
    fi
    exec 7>> stop.lock
    run flock 7
    leave_if_asked
    # Written before the call: a machine that is started again must not stop itself again.
    [ ! -e stopped ] || return 0
    echo "$name" | keep stopped
    if ! hook stop "$stop"; then
        rm stopped
        say "the machine could not be stopped: it goes on, and costs"
    fi
    exec 7>&-
}

[ -e "$job/ended" ] || train
# shellcheck source=/dev/null
end_code=$(. "$job/ended" && echo "$code") end_verdict=$(. "$job/ended" && echo "$verdict")
[ -e "$job/safe" ] || make_safe
[ -e stopped ] || stop_machine
machine/start.sh "$name" off
say "done"
