# shellcheck shell=bash
# What the scripts beside this one share: where the machine is, how a command gets there, and what a dry run prints.
#
# The machine is named by the environment:
#   REMOTE       what ssh calls it, as root@203.0.113.7; `local`: a folder of this machine
#   REMOTE_DIR   its folder there, from the login folder or from /; default `seqjepa`
#   SSH          how it is reached; default `ssh`; say SSH='ssh -p 41022 -i key'

REMOTE=${REMOTE:-}
REMOTE_DIR=${REMOTE_DIR:-seqjepa}
SSH=${SSH:-ssh}
# shellcheck disable=SC2034 # the scripts that read this one set and ask it
dry_run=false

fail() {
    echo "error: $*" >&2
    exit 1
}

# The head of a script is its help.
help() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
}

# The value of an option: value OPTION [VALUE...]
value() {
    [ $# -ge 2 ] || fail "$1: expected a value"
    printf '%s\n' "$2"
}

# Both are written into units, crontabs and command lines.
check_machine() {
    [ -n "$REMOTE" ] || fail "REMOTE: expected what ssh calls the machine, as root@203.0.113.7, found nothing"
    case $REMOTE_DIR in
        *[!A-Za-z0-9._/-]* | -* | '') fail "REMOTE_DIR: expected letters, digits and . _ - /, found '$REMOTE_DIR'" ;;
    esac
}

check_name() {
    case $1 in
        *[!A-Za-z0-9._-]* | [.-]* | '') fail "the name of a run: expected letters, digits, - _ and ., not first - or ., found '$1'" ;;
    esac
}

# Runs a command on the machine, with this script's standard input: on_machine COMMAND ARGUMENTS...
on_machine() {
    local command
    printf -v command '%q ' "$@"
    if $dry_run; then
        if [ "$REMOTE" = local ]; then echo "+ $command"; else echo "+ $SSH $REMOTE $command"; fi
    elif [ "$REMOTE" = local ]; then
        bash -c "$command"
    else
        # shellcheck disable=SC2086 # SSH is a command with its arguments
        $SSH "$REMOTE" "$command"
    fi
}

# Copies a file, which is there whole or not at all: send FILE PATH [MODE]
send() {
    [ -r "$1" ] || fail "$1 cannot be read"
    if $dry_run; then
        echo "+ $1 -> $REMOTE:$2"
        return
    fi
    # shellcheck disable=SC2016 # expanded there
    on_machine sh -euc 'mkdir -p "$(dirname "$1")"; umask 077; cat > "$1.partial"; chmod "$2" "$1.partial"; mv "$1.partial" "$1"' \
        send "$2" "${3:-644}" < "$1"
}
