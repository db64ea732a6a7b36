#!/usr/bin/env bash
# Brings a run folder from a machine, at any time and again and again. When the run has ended, the copy is compared with the original by
# checksum, and only then the machine is told that its results are safe and that it may stop.
#
#   scripts/remote/fetch.sh baseline
#   scripts/remote/fetch.sh baseline --wait        # until the run has ended
#
#   --to FOLDER       where the run folder goes, as FOLDER/NAME; default `runs`
#   --wait            fetches every --every seconds until the run has ended
#   --every SECONDS   default 600
#   --dry-run         prints each command and runs none
#
# What comes while the run goes on is a run folder too: `seqjepa resume` goes on with it elsewhere. Of what is here already only old
# checkpoints (step-*) are removed, when the run has removed them; a folder that is not of this run is refused. Needs rsync on both sides.
# The exit code is that of watch.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

name='' to=runs wait=false every=600
while [ $# -gt 0 ]; do
    case $1 in
        --to) to=$(value "$@"); shift ;;
        --wait) wait=true ;;
        --every) every=$(value "$@"); shift ;;
        --dry-run) dry_run=true ;;
        -h | --help) help ;;
        -*) fail "unknown argument '$1'; --help lists them" ;;
        *) [ -z "$name" ] || fail "expected one name, found '$name' and '$1'"; name=$1 ;;
    esac
    shift
done
check_machine
check_name "$name"
command -v rsync > /dev/null || fail "there is no rsync here"

job=$REMOTE_DIR/jobs/$name
from=$REMOTE_DIR/runs/$name/
[ "$REMOTE" = local ] || from=$REMOTE:$from
origin="$REMOTE $REMOTE_DIR"
if [ -e "$to/$name" ] && [ "$(cat "$to/$name.origin" 2> /dev/null)" != "$origin" ]; then
    fail "$to/$name is there and was not fetched from $origin; --to names another folder"
fi

# What a run holds for itself alone: its lock, features that it can make again, names of files under way.
copy() {
    local code=24 tries
    if $dry_run; then
        echo "+ rsync -a $* $from $to/$name/"
        return
    fi
    # 24: files have gone since they were listed, as checkpoints do.
    for ((tries = 1; tries <= 3 && code == 24; tries++)); do
        code=0
        rsync --rsh="$SSH" -a --exclude=/lock --exclude=/features/ --exclude='.writing-*' "$@" "$from" "$to/$name/" || code=$?
    done
    [ "$code" = 0 ] || fail "rsync ended with exit code $code"
}

fetch() {
    local code=0
    if $dry_run; then
        echo "+ mkdir -p $to/$name"
        on_machine cat "$job/log"
    else
        mkdir -p "$to/$name"
        echo "$origin" > "$to/$name.origin"
        on_machine cat "$job/log" > "$to/$name.log" < /dev/null
        on_machine test -d "$REMOTE_DIR/runs/$name" < /dev/null || code=$?
        case $code in
            0) ;;
            # A run that could not start has no folder.
            1) return ;;
            *) fail "the machine cannot be reached" ;;
        esac
    fi
    $dry_run || same_run
    # Checkpoints first: they go with a metrics.jsonl that is as old or newer.
    copy --include=/checkpoints/ --include='/checkpoints/*' --exclude='*'
    # rsync tells times apart by whole seconds: what has changed within one, at the same size, only contents show.
    if $1; then copy --checksum; else copy; fi
    copy --delete --include=/checkpoints/ --include='/checkpoints/step-*' --exclude='*'
    ! $1 || compare
}

# A run begun anew there must not replace what is here. The first epoch's line holds its times, which no other run has.
same_run() {
    local own=$to/$name/metrics.jsonl
    [ ! -s "$own" ] || on_machine head -n 1 "$REMOTE_DIR/runs/$name/metrics.jsonl" < /dev/null | cmp -s - <(head -n 1 "$own") \
        || fail "$to/$name holds another run of that name: its first epoch is not that of the machine's; --to names another folder"
}

compare() {
    local differs
    differs=$(copy --checksum --dry-run --itemize-changes)
    if $dry_run; then
        echo "$differs"
    else
        [ -z "$differs" ] || fail "the copy differs from the original: $differs"
    fi
}

# Asked before a copy: what is copied then is the end.
has_ended() {
    $dry_run || on_machine test -e "$job/ended" < /dev/null
}

while ! has_ended; do
    if ! $wait; then
        fetch false
        on_machine bash "$REMOTE_DIR/machine/state.sh" "$name" 3 < /dev/null
        exit
    fi
    (fetch false) || echo "trying again in $every seconds" >&2
    sleep "$every"
done
fetch true
# shellcheck disable=SC2016 # expanded there
on_machine sh -euc '[ -e "$1" ] || { echo fetched > "$1.partial"; mv "$1.partial" "$1"; }' safe "$job/safe" < /dev/null
$dry_run || echo "$name is in $to/$name, safe"
on_machine bash "$REMOTE_DIR/machine/state.sh" "$name" 3 < /dev/null
