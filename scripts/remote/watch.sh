#!/usr/bin/env bash
# How a run on a machine is doing: state, figures of the last epochs, verdict of the gates, end of the log. It never disturbs the run.
#
#   scripts/remote/watch.sh baseline
#   scripts/remote/watch.sh baseline --every 60
#
#   --lines N         epochs and lines of the log; default 5
#   --every SECONDS   again and again, until the run has ended
#   --json            what `seqjepa status --json` says, and nothing else
#   --dry-run         prints each command and runs none
#
# Exit code 0: it goes on, or has passed; 1: failed; 3: gates failed; 4: nobody is at work on it and it has not ended; 255: the
# machine cannot be reached.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$here/common.sh"

name='' lines=5 every='' json=false
while [ $# -gt 0 ]; do
    case $1 in
        --lines) lines=$(value "$@"); shift ;;
        --every) every=$(value "$@"); shift ;;
        --json) json=true ;;
        --dry-run) dry_run=true ;;
        -h | --help) help ;;
        -*) fail "unknown argument '$1'; --help lists them" ;;
        *) [ -z "$name" ] || fail "expected one name, found '$name' and '$1'"; name=$1 ;;
    esac
    shift
done
check_machine
check_name "$name"

if $json; then
    on_machine "$REMOTE_DIR/bin/seqjepa" status "$REMOTE_DIR/runs/$name" --json < /dev/null
    exit
fi
while :; do
    code=0
    on_machine bash "$REMOTE_DIR/machine/state.sh" "$name" "$lines" < /dev/null || code=$?
    if [ -z "$every" ] || $dry_run || on_machine test -e "$REMOTE_DIR/jobs/$name/ended" < /dev/null; then
        exit "$code"
    fi
    sleep "$every"
    echo
done
