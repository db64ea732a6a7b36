#!/usr/bin/env bash
# Runs the commands of the guides and of the README: every `sh` block, in order, page by page, with the command of this checkout, in a
# folder of its own that holds what a reader has there: configs/, scripts/, photos/ (a picture folder with two classes), runs/first and
# runs/second (two small finished runs). Then the page's `python` blocks, as one program, where $PYTHON (python3) has what they import.
#
# A comment on the line before a block says what is special about it:
#   <!-- run with: ARGUMENTS -->   appended to each of its commands, so that they take seconds
#   <!-- not run: REASON -->       it needs what not every machine has; it is listed with the reason
#
# scripts/check_docs.sh [PAGE...]      all pages, or these
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}

cargo build --quiet --workspace --bins --examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the guides call: the command as installed, and `cargo run --example` with the examples as built above.
mkdir "$work/bin"
ln -s "$target/debug/seqjepa" "$work/bin/seqjepa"
cat > "$work/bin/cargo" << END
#!/usr/bin/env bash
example=
while [ \$# -gt 0 ]; do
    case \$1 in
        --example) example=\$2; shift ;;
        --) shift; break ;;
    esac
    shift
done
[ -n "\$example" ] || { echo "check_docs.sh runs no other cargo command than \\\`cargo run --example\\\`" >&2; exit 1; }
exec "$target/debug/examples/\$example" "\$@"
END
chmod +x "$work/bin/cargo"
export PATH=$work/bin:$PATH

python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1
has_torch=false
! "$python" -c 'import safetensors.torch, torch, torchvision, yaml' 2> /dev/null || has_torch=true

tiny="--set dataset.synthetic_train=128 --set dataset.synthetic_val=64 --set model.width=4 --set eval.bootstrap=20 --set run.device=cpu"
fresh() {
    mkdir "$1"
    cp -r "$root/configs" "$1/configs"
    ln -s "$root/scripts" "$1/scripts"
    for split in train test; do
        for class in cat dog; do
            mkdir -p "$1/photos/$split/$class"
            for number in 0 1 2 3 4 5 6 7; do
                awk -v seed="$number" -v class="$class" 'BEGIN {
                    print "P3 48 40 255"
                    for (i = 0; i < 1920; i++) {
                        value = (i * (7 + seed) + seed * 31) % 256
                        print class == "cat" ? value " 40 90" : "30 " value " 200"
                    }
                }' > "$1/photos/$split/$class/$number.ppm"
            done
        done
    done
}

fresh "$work/base"
(
    cd "$work/base"
    for run in first second; do
        # shellcheck disable=SC2086
        seqjepa train --config configs/quickstart.yaml --set run.name=$run --set run.epochs=1 --set optim.warmup_epochs=0 $tiny \
            > "$run.log" 2>&1 || { cat "$run.log" >&2; exit 1; }
        rm "$run.log"
    done
)

pages=("$@")
[ ${#pages[@]} -gt 0 ] || pages=(README.md docs/*.md)
ran=0
not_run=()
for page in "${pages[@]}"; do
    name=${page//\//_}
    blocks=$work/$name.blocks
    mkdir "$blocks"
    # One file a block, named by its line: the marker, then the commands. A command outside of an `sh` block would never be run.
    awk -v folder="$blocks" -v page="$page" '
        /^```/ && !inside {
            inside = 1; shell = ($0 == "```sh" || $0 == "```python")
            if (shell) {
                file = sprintf("%s/%05d.%s", folder, NR, substr($0, 4))
                print previous ~ /^<!-- (run with|not run): .* -->$/ ? previous : "" > file
            }
            plain = ($0 == "```"); next
        }
        /^```/ { inside = 0; if (shell) close(file); shell = 0; plain = 0 }
        inside && shell { print > file }
        inside && plain && /^(seqjepa|cargo|python3?|scripts\/) / { print page ":" NR ": a command in a block that is not `sh`"; bad = 1 }
        { previous = $0 }
        END { exit bad }
    ' "$page" >&2
    folder=$work/$name
    cp -r "$work/base" "$folder"
    programs=0
    for block in "$blocks"/*; do
        [ -e "$block" ] || continue
        place=$(basename "$block")
        place="$page:$((10#${place%.*}))"
        marker=$(head -n 1 "$block")
        commands=$(tail -n +2 "$block")
        case $marker in
            '<!-- not run: '*)
                reason=${marker#<!-- not run: }
                not_run+=("$place: ${reason% -->}")
                continue
                ;;
            '<!-- run with: '*)
                extra=${marker#<!-- run with: }
                # Behind each command, before a comment; lines that go on, at their end.
                commands=$(sed -E "/^\$/d; /\\\\\$/! s|[[:space:]]*(#.*)?\$| ${extra% -->}|" <<< "$commands")
                ;;
        esac
        if [ "${block##*.}" = python ]; then
            if $has_torch; then
                echo "$commands" >> "$folder/page.py"
                programs=$((programs + 1))
            else
                not_run+=("$place: no Python with torch, torchvision, safetensors and PyYAML")
            fi
            continue
        fi
        log=$work/log
        if ! (cd "$folder" && bash -euo pipefail -c "$commands") > "$log" 2>&1; then
            echo "== $place failed:" >&2
            sed 's/^/    /' <<< "$commands" >&2
            tail -n 30 "$log" >&2
            exit 1
        fi
        ran=$((ran + 1))
        echo "ran $place"
    done
    if [ "$programs" -gt 0 ]; then
        (cd "$folder" && "$python" page.py)
        ran=$((ran + programs))
        echo "ran the $programs Python blocks of $page"
    fi
done

echo "$ran blocks of commands ran"
for what in "${not_run[@]}"; do
    echo "NOT RUN $what"
done
