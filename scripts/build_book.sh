#!/usr/bin/env bash
# Builds the guides as a book into target/book. What mdBook only warns of is an error here, since it has no such option; links within and
# between the pages are checked by crates/seqjepa/tests/guides.rs.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
mdbook build docs 2>&1 | tee "$log"
if grep -qE '\b(WARN|ERROR)\b' "$log"; then
    echo "the book builds with warnings" >&2
    exit 1
fi
# Every link of a page to another one has become one to a page of the book.
if grep -rnoE 'href="[^":]*\.md(#[^"]*)?"' target/book --include='*.html'; then
    echo "links that lead out of the book" >&2
    exit 1
fi
# And every anchor is one that mdBook has made.
missing=0
while IFS=: read -r page link; do
    link=${link#href=\"}
    link=${link%\"}
    file=${link%%#*}
    if ! grep -q "id=\"${link#*#}\"" "$(dirname "$page")/${file:-$(basename "$page")}"; then
        echo "$page: $link leads nowhere" >&2
        missing=1
    fi
done < <(grep -roE 'href="[^":]*#[^"]+"' target/book --include='*.html' --exclude=print.html | sort -u)
exit "$missing"
