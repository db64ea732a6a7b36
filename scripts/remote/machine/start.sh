#!/usr/bin/env bash
# On the machine: starts the supervisor of a run so that it comes back by itself, or ends that: start.sh NAME on|pause|off
#
# With systemd as the first process, and as root, by a unit; else, where a cron runs, by two lines in the crontab; else once, with a word of
# warning. START (systemd, cron, none) says which, whatever runs; UNITS is the folder of units. `pause` has the run save and end, `off` only
# keeps it from coming back.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
action=$2
job=jobs/$name
unit=seqjepa-$name.service
units=${UNITS:-/etc/systemd/system}
supervise=(/bin/bash "$PWD/machine/supervise.sh" "$name")
command=${supervise[*]}
mark="# seqjepa: $PWD $name"

# A container may have the command crontab and nobody who reads what it writes.
cron_runs() {
    grep -qsxE 'cron|crond|fcron' /proc/[0-9]*/comm
}

start=${START:-}
why="START is $start"
if [ -z "$start" ]; then
    start=none why="neither systemd nor cron is here"
    if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
        start=systemd
    elif command -v crontab > /dev/null; then
        if cron_runs; then
            start=cron
        else
            why="systemd is not here, and of cron the command alone: none is running"
        fi
    fi
fi

is_alive() {
    ! flock -n "$job/lock" true
}

detach() {
    setsid "${supervise[@]}" > /dev/null 2>&1 < /dev/null &
}

# The mark ends its lines: that of another run may begin with it.
crontab_without() {
    crontab -l 2> /dev/null | MARK=$mark awk '{ at = length($0) - length(ENVIRON["MARK"]) } substr($0, at + 1) != ENVIRON["MARK"]' || true
}

on() {
    # With a new word of the user's, ends that were none and stops of before are forgotten.
    if [ -e "$job/ended" ] && ! grep -qE '^code=[03]$' "$job/ended"; then
        rm -f "$job/ended" "$job/safe"
    fi
    [ -e "$job/ended" ] || rm -f stopped
    case $start in
        systemd)
            cat > "$units/$unit" << END_OF_UNIT
[Unit]
Description=seqjepa: the run $name
Wants=network-online.target
After=network-online.target nvidia-persistenced.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=$command
Restart=on-failure
RestartSec=30
# The supervisor passes SIGTERM on to the run, which finishes its step and saves.
KillMode=mixed
TimeoutStopSec=300

[Install]
WantedBy=multi-user.target
END_OF_UNIT
            systemctl daemon-reload
            systemctl enable --quiet "$unit"
            systemctl start "$unit"
            ;;
        cron)
            {
                crontab_without
                echo "@reboot $command $mark"
                echo "*/5 * * * * $command $mark"
            } | crontab -
            detach
            cron_runs || echo "warning: no cron is running here, so nothing starts the run again before one is; have the provider's start" \
                "script start it, or call: setsid $command &" >&2
            ;;
        none)
            detach
            echo "warning: $why, so nothing starts the run again after a reboot; have the provider's" \
                "start script call: setsid $command &" >&2
            ;;
    esac
    echo "started by $start; the log is $PWD/$job/log"
}

off() {
    case $start in
        # Stopped it is by its own end.
        systemd) systemctl disable --quiet "$unit" && rm -f "$units/$unit" ;;
        # Whatever is found now: a cron that has ended since may have had lines written.
        *)
            if command -v crontab > /dev/null && [[ "$(crontab -l 2> /dev/null || true)" = *"$mark"* ]]; then
                crontab_without | crontab -
            fi
            ;;
    esac
}

# Sends SIGTERM to the supervisor, or to a run whose supervisor was killed.
terminate() {
    local process
    process=$(cat "$job/pid" 2> /dev/null || echo 0)
    if ! tr '\0' ' ' < "/proc/$process/cmdline" 2> /dev/null | grep -qF "${supervise[*]:1}"; then
        process=$(sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' "runs/$name/status.json" 2> /dev/null || true)
        [ "$(readlink "/proc/${process:-0}/exe")" = "$(realpath bin/seqjepa)" ] || return 0
    fi
    kill -TERM "$process" 2> /dev/null || true
}

pause() {
    if [ "$start" = systemd ]; then
        systemctl disable --quiet "$unit"
        systemctl stop "$unit"
    else
        off
    fi
    ! is_alive || terminate
    for ((i = 0; i < 300; i++)); do
        is_alive || break
        sleep 1
    done
    ! is_alive || { echo "error: the run has not ended within 300 s; the log is $PWD/$job/log" >&2; exit 1; }
    echo "paused; run.sh $name goes on with it"
}

[ -d "$job" ] || { echo "error: there is no run $name in $PWD" >&2; exit 1; }
case $action in
    on | pause | off) $action ;;
    *) echo "error: expected on, pause or off, found '$action'" >&2; exit 1 ;;
esac
