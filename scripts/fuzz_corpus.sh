#!/usr/bin/env bash
# The corpus of the fuzz targets, one archive in git and a folder to work in: scripts/fuzz_corpus.sh pack|unpack
#
# `unpack` makes the folder fuzz/corpus (ignored by git) equal to fuzz/corpus.tar.gz, `pack` the archive of the folder.
# The same inputs give the same archive: sorted, without owners and times. Needs GNU tar.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

tar=tar
command -v gtar > /dev/null && tar=gtar
"$tar" --version | grep -q "GNU tar" || { echo "GNU tar is needed, found $("$tar" --version | head -n 1)" >&2; exit 1; }

case ${1:-} in
    pack)
        [ -d corpus ] || { echo "there is no folder fuzz/corpus: unpack first" >&2; exit 1; }
        # Beside the old one, then in its place: an interruption leaves the old archive whole.
        trap 'rm -f corpus.tar.gz.part' EXIT
        LC_ALL=C "$tar" --create --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@0 corpus |
            gzip --no-name --best > corpus.tar.gz.part
        mv corpus.tar.gz.part corpus.tar.gz
        echo "fuzz/corpus.tar.gz: $(find corpus -type f | wc -l) inputs, $(wc -c < corpus.tar.gz) bytes"
        ;;
    unpack)
        rm -rf corpus
        "$tar" --extract --gzip --no-same-owner --file corpus.tar.gz
        ;;
    *)
        echo "usage: scripts/fuzz_corpus.sh pack|unpack" >&2
        exit 2
        ;;
esac
