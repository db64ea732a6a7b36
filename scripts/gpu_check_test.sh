#!/usr/bin/env bash
# Tries scripts/gpu_check.sh on the processor: scripts/gpu_check_test.sh PROGRAM
#
# The whole page, with the backend `ndarray` for a device; one with a program that fails here and there; one of a device that is not
# there; one that SIGINT ends. PROGRAM must have `ndarray`, as that of `cargo test --workspace` has.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: scripts/gpu_check_test.sh PROGRAM}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed() {
    echo "FAILED: $*" >&2
    cat "$page" >&2
    exit 1
}
check() { # OUTPUT ARGUMENTS...: its exit code is in `code`, its page in `page`
    page=$work/$1/report.md
    code=0
    "$here/gpu_check.sh" --quick --python false --output "$work/$1" "${@:2}" 2> /dev/null || code=$?
}
has() {
    grep -qF -e "$1" "$page" || failed "expected '$1'"
}
no_parts() {
    [ -z "$(find "${page%/*}" -name '*.part')" ] || failed "parts of a section are left"
}
whole() {
    local title
    for title in "Devices found" "Every operator" "A run's own model" "The same run twice" "Time and memory" "The same step in PyTorch" \
        "What a step launches" "An epoch of the baseline" "Verdict"; do
        has "## $title"
    done
    no_parts
}

check ndarray --program "$program" --device ndarray
[ "$code" = 0 ] || failed "expected exit code 0, found $code"
whole
has '"backend": "ndarray"'
has "They are the same"
has "Nothing failed."
[ "$(grep -cE '^\| [48] \| f32 \| [0-9.]+ \| [0-9]+ \|' "$page")" = 2 ] || failed "expected two rows of step times"
has "does not compute in bf16"

# Wrong operators, and no memory for the larger batch.
cat > "$work/faulty" << END
#!/bin/sh
case "\$*" in
    *--check*) echo "wrong: sum"; exit 1 ;;
    *runs/step-8-f32*) echo "error: out of memory" >&2; exit 1 ;;
esac
exec "$program" "\$@"
END
chmod +x "$work/faulty"
check faults --program "$work/faulty" --device flex
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
whole
has "- Every operator, at awkward shapes: exit code 1"
has "- Time and memory of a training step: step-8-f32: exit code 1"
[ "$(grep -cE '^\| [48] \| bf16 \| [0-9.]+ \| [0-9]+ \|' "$page")" = 2 ] || failed "expected two rows of step times in bf16"
has "error: out of memory"
has "| 8 | f32 | failed |"

check absent --program "$program" --device cuda
[ "$code" = 1 ] || failed "expected exit code 1, found $code"
whole
has "- Devices found: expected a device cuda, found none"

page=$work/interrupted/report.md
# A process of its own group, or it would be told to ignore SIGINT.
set -m
"$here/gpu_check.sh" --quick --python false --output "$work/interrupted" --program "$program" --device ndarray 2> /dev/null &
process=$!
set +m
until grep -qs '^## A run' "$page"; do
    kill -0 "$process" || failed "it ended by itself"
    sleep 0.1
done
kill -INT "$process"
code=0
wait "$process" || code=$?
[ "$code" = 130 ] || failed "expected exit code 130, found $code"
has "interrupted"
has "## Verdict"
no_parts

echo "gpu_check.sh: all is well"
