#!/usr/bin/env bash
# The life of a remote run on a bare Debian: scripts/remote/chroot_test.sh PROGRAM | --build
#
# The machine is a chroot with Debian's smallest system and cron, in namespaces of mounts and processes of its own, and ssh a stand-in that
# leads there: what is missing is installed, the run is killed with the machine, that machine's own cron brings it back at boot, and
# the results are fetched. PROGRAM is a built `seqjepa`. With --build the machine builds it from this checkout, with this machine's toolchain
# and unoptimised, which takes minutes. Needs root, Debian and debootstrap, which is installed if it is missing; exits with 3 where
# these are not to be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=testing.sh
. "$here/testing.sh"
usage="usage: scripts/remote/chroot_test.sh PROGRAM | --build"
[ $# = 1 ] || { echo "$usage" >&2; exit 2; }

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}
# Mounts and processes end with this script.
if [ -z "${IN_NAMESPACES:-}" ]; then
    [ "$(id -u)" = 0 ] || not_checked "a chroot: only root makes one"
    unshare --mount --pid --fork true 2> /dev/null || not_checked "a chroot: namespaces are not to be had"
    IN_NAMESPACES=yes exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- bash "$0" "$@"
fi

build=false program=
case $1 in
    --build) build=true ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) program=$(realpath "$1") ;;
esac

# The same release as this machine's, so that a program that was built here finds its libraries.
# shellcheck source=/dev/null
suite=$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME") || not_checked "a chroot: this is no Debian"
if ! command -v debootstrap > /dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } > /dev/null 2>&1 \
        || not_checked "a chroot: debootstrap could not be installed"
fi
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target/tools"
target=$(cd "$target" && pwd)
base=$target/tools/debian-$suite
if [ ! -e "$base.ready" ]; then
    rm -rf "$base"
    debootstrap --variant=minbase --include=cron "$suite" "$base" > "$base.log" 2>&1 || not_checked "a chroot: see $base.log"
    touch "$base.ready"
fi

work=$(mktemp -d)
root=$work/root
end() {
    [ $? = 0 ] || tail -n 30 "$root"/root/seqjepa/jobs/*/log >&2 2> /dev/null || true
    # What is mounted below is this machine's own, and must not be deleted with the folder.
    if ! mountpoint -q "$root" || umount --recursive --lazy "$root"; then
        rm -rf --one-file-system "$work"
    fi
}
trap end EXIT
cp -a "$base" "$root"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
cp -L /etc/resolv.conf /etc/hosts "$root/etc"

carried=()
if $build; then
    toolchain=$(rustc --print sysroot)
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$root/opt/rust" "$root/opt/cargo"
    mount --bind "$toolchain" "$root/opt/rust"
    mount --bind "$cargo_home" "$root/opt/cargo"
    ln -s /opt/rust/bin/cargo /opt/rust/bin/rustc "$root/usr/local/bin"
    carried+=(CARGO_HOME=/opt/cargo CARGO_PROFILE_RELEASE_OPT_LEVEL=0)
fi
mkdir "$work/bin" "$work/here"
cat > "$work/bin/ssh" << END
#!/usr/bin/env bash
# User and name of the machine, as this script's callers and rsync give them, then what its shell is given.
case \$1 in
    -l) machine=\$2@\$3; shift 3 ;;
    *) machine=\$1; shift ;;
esac
[ "\$machine" = root@machine ] || { echo "no route to \$machine" >&2; exit 255; }
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 ${carried[*]} \
    chroot "$root" bash -c 'cd && eval "\$1"' ssh "\$*"
END
chmod +x "$work/bin/ssh"
export PATH=$work/bin:$PATH REMOTE=root@machine PAUSE_SECONDS=0 POLL_SECONDS=1
unset REMOTE_DIR SSH START UNITS
on_the_machine() {
    # shellcheck disable=SC2029 # a command and words without blanks
    ssh root@machine "$*"
}
boot() {
    # As after a real one: cron then calls what is to be called at a boot.
    rm -f "$root"/run/crond.*
    on_the_machine cron
}
switch_off() {
    local process
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/root")" != "$root" ] || kill -KILL "${process#/proc/}" 2> /dev/null || true
    done
}
cd "$work/here"
tiny_config > tiny.yaml
mkdir data
echo text > data/one.txt
on_the_machine apt-get update -qq > /dev/null || not_checked "a chroot: Debian's packages cannot be fetched in it"

echo "== provision"
if $build; then
    "$here/provision.sh" --build --device flex --disk 4 --memory 1 --data data
else
    "$here/provision.sh" --program "$program" --device flex --disk 1 --memory 1 --data data
fi
machine=$root/root/seqjepa
[ "$(cat "$machine/data/one.txt")" = text ] || failed "the data did not come"
on_the_machine dpkg-query -W rsync > /dev/null || failed "rsync was not installed"

echo "== a run before any cron, which is installed and does not run"
"$here/run.sh" early --config tiny.yaml --device flex --set run.epochs=1 --stop none > said 2>&1
cat said
grep -q "of cron the command alone: none is running" said || failed "expected a word of cron, which does not run"
[ -z "$(on_the_machine crontab -l 2> /dev/null)" ] || failed "lines were written that nobody reads"
"$here/fetch.sh" early --wait --every 1

echo "== a run, and the machine switched off under it"
boot
"$here/run.sh" first --config tiny.yaml --device flex --set run.epochs=12 --stop 'touch /root/stopped'
wait_for "a checkpoint" 120 test -e "$machine/runs/first/checkpoints/last.safetensors"
switch_off
[ ! -e "$machine/jobs/first/ended" ] || failed "the run had ended before the machine was switched off"
[ "$(on_the_machine crontab -l | grep -c 'supervise.sh first')" = 2 ] || failed "expected two lines of the crontab, for a cron that runs"

echo "== the machine boots"
boot
wait_for "the run after the boot" 60 grep -q "continuing from runs/first/checkpoints" "$machine/jobs/first/log"
"$here/fetch.sh" first --wait --every 1
wait_for "the stop of the machine" 30 test -e "$root/root/stopped"
grep -q '"epoch":12,' runs/first/metrics.jsonl || failed "the last epoch was not fetched"
"$here/watch.sh" first
echo "remote runs in a chroot of Debian $suite: all is well"
