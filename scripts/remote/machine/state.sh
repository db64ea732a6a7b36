#!/usr/bin/env bash
# On the machine: how a run is doing: state.sh NAME LINES
#
# Exit code 0: it goes on, waits, or has passed; 1: failed; 3: gates failed; 4: nobody is at work on it and it has not ended.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
lines=$2
job=jobs/$name
run=runs/$name
[ -d "$job" ] || { echo "error: there is no run $name in $PWD" >&2; exit 1; }

code=0
if [ -e "$job/ended" ]; then
    verdict=
    # shellcheck source=/dev/null
    . "$job/ended"
    case $code in
        0 | 3) ;;
        *) code=1 ;;
    esac
    if [ -e stopped ]; then
        rest="the machine was told to stop"
    elif [ -e "$job/safe" ]; then
        rest="results are safe ($(cat "$job/safe"))"
    else
        rest="results wait for fetch.sh"
    fi
    echo "$name has ended: $verdict; $rest"
elif flock -n "$job/lock" true; then
    echo "$name: nobody is at work on it; run.sh $name goes on with it"
    code=4
else
    echo "$name goes on"
fi

if [ -e "$run/status.json" ]; then
    bin/seqjepa status "$run" || true
fi
if [ -s "$run/metrics.jsonl" ]; then
    echo "== the last epochs"
    # A figure of each kind; metrics.jsonl has all.
    tail -n "$lines" "$run/metrics.jsonl" | while read -r line; do
        for key in epoch ep_loss online_linacc_test online_r2_test ep_time data_wait_share; do
            grep -o "\"$key\": *[^,}]*" <<< "$line" || true
        done | tr -d '"' | paste -sd ' ' -
    done
fi
if [ -e "$run/gates.json" ]; then
    echo "== gates"
    cat "$run/gates.json"
    echo
fi
echo "== the log"
tail -n "$lines" "$job/log" 2> /dev/null || echo "there is none yet"
exit "$code"
