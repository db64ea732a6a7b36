#!/usr/bin/env bash
# The life of remote runs, with a folder of this machine for the machine: scripts/remote/test.sh PROGRAM
#
# PROGRAM is a built `seqjepa`; runs are on the processor and take seconds. SLURM, crontab, systemctl and nvidia-smi are stand-ins that
# keep what they are told. Exits with 3 where rsync, flock or setsid is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=testing.sh
. "$here/testing.sh"
program=$(realpath "${1:?usage: scripts/remote/test.sh PROGRAM}")
for needed in rsync flock setsid tar; do
    command -v $needed > /dev/null || { echo "NOT CHECKED: remote runs: there is no $needed" >&2; exit 3; }
done

work=$(mktemp -d)
trap 'code=$?; end_all; [ "$code" = 0 ] || tail -n 30 "$work"/machine*/jobs/*/log >&2; rm -rf "$work"' EXIT
# Supervisors and runs that still hold their locks.
end_all() {
    local job
    for job in "$work"/machine/jobs/*/; do
        [ -e "$job/lock" ] || continue
        if ! flock -n "$job/lock" true; then
            kill -KILL "$(cat "$job/pid")" "$(run_of "$(basename "$job")")" 2> /dev/null || true
        fi
    done
}
expect() { # CODE COMMAND...: its output is in $said
    local expected=$1 code=0
    shift
    said=$("$@" 2>&1) || code=$?
    [ "$code" = "$expected" ] || failed "expected exit code $expected, found $code: $*: $said"
}
has() { # TEXT
    grep -qF -e "$1" <<< "$said" || failed "expected '$1', found: $said"
}

mkdir -p "$work/bin" "$work/here"
cat > "$work/bin/crontab" << 'EOF'
#!/bin/sh
case $1 in -l) cat "$CRONTAB" ;; -) cat > "$CRONTAB.new" && mv "$CRONTAB.new" "$CRONTAB" ;; esac
EOF
cat > "$work/bin/nvidia-smi" << 'EOF'
#!/bin/sh
echo "NVIDIA GeForce RTX 3060, $DRIVER, 12288 MiB"
EOF
cat > "$work/bin/systemctl" << 'EOF'
#!/bin/sh
echo "$*" >> "$CALLS"
EOF
cat > "$work/bin/srun" << 'EOF'
#!/bin/sh
shift
exec "$@"
EOF
cp "$work/bin/systemctl" "$work/bin/scontrol"
cat > "$work/bin/ssh" << 'EOF'
#!/bin/sh
# Port, user and name of the machine, as this script and rsync give them, then what its shell is given.
while :; do
    case $1 in
        -p) port=$2; shift 2 ;;
        -l) user=$2@; shift 2 ;;
        *) break ;;
    esac
done
[ "$port $user$1" = "41022 root@203.0.113.7" ] || exit 255
shift
exec bash -c "$*"
EOF
chmod +x "$work"/bin/*
ln -s "$program" "$work/bin/seqjepa"
export PATH=$work/bin:$PATH CRONTAB=$work/crontab CALLS=$work/calls START=cron UNITS=$work/units DRIVER=580.95.05
export REMOTE=local REMOTE_DIR=$work/machine PAUSE_SECONDS=0 POLL_SECONDS=1 ATTEMPTS=3
cd "$work/here"
tiny_config > tiny.yaml
stop="echo \"\$NAME \$CODE \$VERDICT\" >> $work/stopped"
run_of() { # NAME: the process that trains
    sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' "$REMOTE_DIR/runs/$1/status.json" 2> /dev/null
}
starts() { # NAME: how often it was started
    grep -c "supervise: starting" "$REMOTE_DIR/jobs/$1/log"
}

echo "== every script has help"
for script in provision run watch fetch; do
    expect 0 "$here/$script.sh" --help
    has "scripts/remote/$script.sh"
done

echo "== a dry run prints and does nothing"
REMOTE=root@203.0.113.7 SSH='ssh -p 41022' expect 0 "$here/provision.sh" --program "$program" --dry-run
has "+ ssh -p 41022 root@203.0.113.7 bash $work/machine/machine/prepare.sh check cuda 10 8"
expect 0 "$here/provision.sh" --build --dry-run
has "prepare.sh build cuda"
expect 0 "$here/run.sh" tiny --config tiny.yaml --dry-run
has "start.sh tiny on"
expect 0 "$here/watch.sh" tiny --dry-run
has "state.sh tiny 5"
expect 0 "$here/fetch.sh" tiny --dry-run
has "rsync -a --checksum --dry-run --itemize-changes $work/machine/runs/tiny/ runs/tiny/"
if [ -e "$work/machine" ] || [ -e runs ]; then
    failed "a dry run has written something"
fi

echo "== a machine that will not do, and wrong arguments"
DRIVER=470.256.02 expect 1 "$here/provision.sh" --program "$program" --disk 100000000
has "expected at least 525.60.13, which CUDA 12 needs, found 470.256.02"
has "expected at least 100000000 GiB free"
[ ! -e "$REMOTE_DIR/bin" ] || failed "a machine that will not do was given the program"
REMOTE_DIR='a b' expect 1 "$here/run.sh" tiny
has "REMOTE_DIR: expected letters"
expect 1 "$here/run.sh" ../tiny
has "the name of a run"
expect 1 "$here/run.sh" tiny --config tiny.yaml --set run.device=cpu
has "it is this script's to give"

echo "== provision"
mkdir carried
echo text > carried/one.txt
tar -czf carried.tar.gz carried
echo bitcode > libdevice.10.bc
# Of the disk and the memory that the test has, whatever a run on a GPU needs.
# This build has no CUDA, which is found out on the machine.
expect 1 "$here/provision.sh" --program "$program" --disk 1 --memory 1 --libdevice libdevice.10.bc
has "card, driver, memory: NVIDIA GeForce RTX 3060, 580.95.05"
has "libdevice: cuda/nvvm/libdevice/libdevice.10.bc"
has "expected a device cuda, found none"
expect 0 "$here/provision.sh" --program "$program" --disk 1 --memory 1 --device flex --data carried.tar.gz --data carried
[ "$(cat "$REMOTE_DIR/data/carried/one.txt" "$REMOTE_DIR/data/one.txt")" = $'text\ntext' ] || failed "the data did not come"
cmp "$program" "$REMOTE_DIR/bin/seqjepa"

echo "== a machine with a cargo that is too old"
mkdir -p "$work/old" "$REMOTE_DIR/source"
cat > "$work/old/cargo" << 'EOF'
#!/bin/sh
[ "$*" != --version ] || { echo "cargo 1.9.0 (0000000 2016-05-26)"; exit; }
touch "$0.built"
EOF
cat > "$work/old/dpkg-query" << 'EOF'
#!/bin/sh
echo "install ok installed"
EOF
chmod +x "$work"/old/*
echo 'rust-version = "1.95"' > "$REMOTE_DIR/source/Cargo.toml"
# The folder of the user may have a newer one, which comes first.
expect 1 env HOME="$work/here" PATH="$work/old:$PATH" bash "$REMOTE_DIR/machine/prepare.sh" build flex
has "expected cargo 1.95 or newer on the machine, found 1.9.0"
[ ! -e "$work/old/cargo.built" ] || failed "a cargo that is too old has built"

echo "== a run that is killed with its machine, resumed at boot, fetched, and stops the machine once"
expect 0 "$here/run.sh" first --config tiny.yaml --device flex --set run.epochs=12 --stop "$stop"
expect 1 "$here/run.sh" first --config tiny.yaml
has "the machine has a run first"
wait_for "a checkpoint" 60 test -e "$REMOTE_DIR/runs/first/checkpoints/last.safetensors"
kill -KILL "$(cat "$REMOTE_DIR/jobs/first/pid")" "$(run_of first)"
wait_for "the end of the run" 20 flock -n "$REMOTE_DIR/jobs/first/lock" true
[ ! -e "$REMOTE_DIR/jobs/first/ended" ] || failed "the run had ended before it was killed"
expect 4 "$here/watch.sh" first
has "nobody is at work on it"
# What came before the kill can be fetched, and is no end.
expect 4 "$here/fetch.sh" first
[ ! -e "$REMOTE_DIR/jobs/first/safe" ] || failed "half a run counts as safe"
sed -n 's/^@reboot //p' "$CRONTAB" > boot
[ "$(wc -l < boot)" = 1 ] || failed "expected one line of the crontab for the boot, found: $(cat boot)"
setsid bash boot &
wait_for "the run after the boot" 60 grep -q "continuing from runs/first/checkpoints" "$REMOTE_DIR/jobs/first/log"
# Cron's next call finds the run at work.
bash boot
wait_for "the end" 120 test -e "$REMOTE_DIR/jobs/first/ended"
[ "$(starts first)" = 2 ] || failed "expected two starts"
expect 0 "$here/watch.sh" first
has "first has ended: passed; results wait for fetch.sh"
has "epoch:12 ep_loss:"
expect 0 "$here/watch.sh" first --json
has '"life": "ended"'
sleep 2
[ ! -e "$work/stopped" ] || failed "the machine was stopped before its results were fetched"
mkdir -p other/first
expect 1 "$here/fetch.sh" first --to other
has "was not fetched from"
mkdir another
cp -r runs/first runs/first.origin another
sed '1s/"epoch":1,/"epoch":1,"other":0,/' "$REMOTE_DIR/runs/first/metrics.jsonl" > another/first/metrics.jsonl
expect 1 "$here/fetch.sh" first --to another
has "holds another run of that name"
expect 0 "$here/fetch.sh" first --wait --every 1
has "first is in runs/first, safe"
wait_for "the stop of the machine" 20 test -e "$work/stopped"
wait_for "the supervisor's end" 20 flock -n "$REMOTE_DIR/jobs/first/lock" true
diff -r --exclude=lock "$REMOTE_DIR/runs/first" runs/first
! grep -q "supervise.sh first" "$CRONTAB" || failed "the run is still in the crontab"
bash boot
expect 0 "$here/fetch.sh" first
[ "$(cat "$work/stopped")" = "first 0 passed" ] || failed "expected one stop, found: $(cat "$work/stopped")"

echo "== the same bits as a run that was left alone"
digest() {
    sed -n 's/^final state: SHA-256 //p'
}
whole=$(seqjepa train --config tiny.yaml --set run.epochs=12 --set run.output_dir=whole --skip-evaluation 2> /dev/null | digest)
[ -n "$whole" ] || failed "the run that was left alone has no digest"
[ "$(digest < "$REMOTE_DIR/jobs/first/log")" = "$whole" ] || failed "the resumed run has other bits"

echo "== by ssh"
over_ssh() {
    REMOTE=root@203.0.113.7 SSH='ssh -p 41022' "$@"
}
expect 0 over_ssh "$here/provision.sh" --program "$program" --disk 1 --memory 1 --device flex
expect 0 over_ssh "$here/run.sh" 'by-ssh' --config tiny.yaml --device flex --set 'run.name=with a space' --stop none
wait_for "the end" 120 test -e "$REMOTE_DIR/jobs/by-ssh/ended"
expect 1 over_ssh "$here/watch.sh" by-ssh
has "run.name"
expect 1 over_ssh "$here/fetch.sh" by-ssh
[ ! -e runs/by-ssh/config.yaml ] || failed "a run that could not start has a folder"
expect 255 env SSH='ssh -p 1' REMOTE=root@203.0.113.7 "$here/watch.sh" by-ssh
expect 255 env SSH='ssh -p 1' REMOTE=root@203.0.113.7 "$here/fetch.sh" by-ssh --to unreachable

echo "== failed gates, a push in place of a fetch, and a machine that waits for its last run"
# Both wait for a run that is at work: this shell.
exec 5>> "$REMOTE_DIR/lock"
flock 5
expect 0 "$here/run.sh" gated --config tiny.yaml --device flex --set gating.loss_max=-10 --stop "$stop" \
    --push "[ -e \$RUN/gates.json ] && { [ -e $work/pushed ] || { touch $work/pushed; exit 1; }; }" 5>&-
expect 0 "$here/run.sh" later --config tiny.yaml --device flex --stop none 5>&-
for name in gated later; do
    wait_for "its place in the queue" 20 grep -qs "waiting until another run has ended" "$REMOTE_DIR/jobs/$name/log"
done
exec 5>&-
wait_for "the failed gates" 120 grep -qs '^code=3' "$REMOTE_DIR/jobs/gated/ended"
wait_for "the push" 20 grep -qs pushed "$REMOTE_DIR/jobs/gated/safe"
expect 3 "$here/watch.sh" gated
has "gated has ended: gates failed; results are safe (pushed)"
has "ep_loss: expected at most -10"
wait_for "the later run" 120 test -e "$REMOTE_DIR/jobs/later/ended"
! grep -q gated "$work/stopped" || failed "the machine was stopped before its last run was fetched"
expect 0 over_ssh "$here/fetch.sh" later
diff -r --exclude=lock "$REMOTE_DIR/runs/later" runs/later
wait_for "the stop" 20 grep -q "gated 3 gates failed" "$work/stopped"

echo "== a verdict is kept though the supervisor died before it wrote the end"
wait_for "the supervisor's end" 20 flock -n "$REMOTE_DIR/jobs/gated/lock" true
rm "$REMOTE_DIR/jobs/gated/ended"
expect 0 "$here/run.sh" gated
wait_for "the end" 60 grep -qs '^code=3' "$REMOTE_DIR/jobs/gated/ended"

echo "== a machine that does not wait for a fetch"
wait_for "the supervisor's end" 20 flock -n "$REMOTE_DIR/jobs/gated/lock" true
expect 0 "$here/run.sh" hasty --config tiny.yaml --device flex --set run.epochs=1 --stop "$stop" --unsafe-hours 0
wait_for "the stop" 60 grep -q "hasty 0 passed" "$work/stopped"

echo "== a run that cannot start is tried again, ends, and stops the machine; another word starts it again"
expect 0 "$here/run.sh" broken --config tiny.yaml --device flex --set dataset.name=cifar10_aug --stop "$stop"
wait_for "the failure" 60 test -e "$REMOTE_DIR/jobs/broken/ended"
[ "$(starts broken)" = 3 ] || failed "expected 3 attempts"
expect 1 "$here/fetch.sh" broken
grep -q 'error: ' runs/broken.log || failed "the log did not come"
wait_for "the stop" 20 grep -q "broken 1 failed" "$work/stopped"
wait_for "the supervisor's end" 20 flock -n "$REMOTE_DIR/jobs/broken/lock" true
expect 0 "$here/run.sh" broken
wait_for "the second failure" 60 test -e "$REMOTE_DIR/jobs/broken/ended"
expect 1 "$here/fetch.sh" broken
wait_for "the second end of the supervisor" 20 flock -n "$REMOTE_DIR/jobs/broken/lock" true
[ "$(grep -c broken "$work/stopped")" = 2 ] || failed "expected a stop for each of two ends, found: $(cat "$work/stopped")"

echo "== a pause"
expect 0 "$here/run.sh" paused --config tiny.yaml --device flex --set run.epochs=500 --stop none
wait_for "a checkpoint" 60 test -e "$REMOTE_DIR/runs/paused/checkpoints/last.safetensors"
grep -q "supervise.sh paused" "$CRONTAB" || failed "a run by cron is not in the crontab"
# Of another run, whose name begins with this one's.
echo "@reboot other # seqjepa: $REMOTE_DIR paused-2" >> "$CRONTAB"
# As where the cron of the start has ended since.
START=none expect 0 "$here/run.sh" paused --pause
expect 4 "$here/watch.sh" paused
has "stopped"
grep -q "paused-2" "$CRONTAB" || failed "another run was taken out of the crontab"
[ ! -e "$REMOTE_DIR/jobs/paused/ended" ] || failed "a pause is no end"
! grep -q "supervise.sh paused" "$CRONTAB" || failed "a paused run is still in the crontab"

echo "== systemd"
mkdir "$UNITS"
START=systemd expect 0 "$here/run.sh" paused
grep -q "^ExecStart=/bin/bash $REMOTE_DIR/machine/supervise.sh paused$" "$UNITS/seqjepa-paused.service"
if command -v systemd-analyze > /dev/null; then
    systemd-analyze verify "$UNITS/seqjepa-paused.service"
fi
[ "$(tr '\n' ,  < "$CALLS")" = "daemon-reload,enable --quiet seqjepa-paused.service,start seqjepa-paused.service," ] \
    || failed "expected three calls of systemctl, found: $(cat "$CALLS")"

echo "== SLURM"
: > "$CALLS"
mkdir slurm
cd slurm
export SLURM_JOB_ID=17
slurm=$here/../slurm_run.sh
set -m
bash "$slurm" ../tiny.yaml --set run.output_dir=run --set run.epochs=12 > log 2>&1 &
job=$!
set +m
wait_for "a checkpoint" 60 test -e run/checkpoints/last.safetensors
kill -TERM "$(sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' run/status.json)"
wait "$job" || failed "an element that goes back into the queue is no failure"
[ "$(cat "$CALLS")" = "requeue 17" ] || failed "expected a requeue, found: $(cat "$CALLS")"
expect 0 bash "$slurm" ../tiny.yaml --set run.output_dir=run --set run.epochs=12
[ "$(digest <<< "$said")" = "$whole" ] || failed "the requeued run has other bits"
expect 3 bash "$slurm" ../tiny.yaml --set run.output_dir=gated --set gating.loss_max=-10
[ "$(wc -l < "$CALLS")" = 1 ] || failed "a run that has ended was put back into the queue"

echo "remote runs: all is well"
