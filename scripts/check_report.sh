#!/usr/bin/env bash
# Opens a page of `seqjepa report` in a real, headless Chromium: scripts/check_report.sh PAGE.html [FOLDER_FOR_SCREENSHOTS]
#
# Fails on any error or warning of the console (a violation of the page's Content-Security-Policy is one), on a request of any kind,
# on horizontal scrolling at 360 pixels, and where pointer or keyboard show no values; draws the page by day, by night, as on a phone and
# as on paper. Exits 3 where there is no Chromium or no Node.js with puppeteer-core (`npm install puppeteer-core` in the folder that
# NODE_PATH or PUPPETEER names).
set -euo pipefail

page=$(realpath "${1:?usage: scripts/check_report.sh PAGE.html [FOLDER]}")
folder=${2:-}
here=$(dirname "$(realpath "$0")")

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}

browser=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome-stable google-chrome; do
    [ -z "$browser" ] && browser=$(command -v "$name" || true)
done
[ -n "$browser" ] || not_checked "the report page: no Chromium here"
command -v node > /dev/null || not_checked "the report page: no Node.js here"
modules=${PUPPETEER:-${CARGO_TARGET_DIR:-$here/../target}/tools/puppeteer}
if [ ! -d "$modules/node_modules/puppeteer-core" ]; then
    command -v npm > /dev/null || not_checked "the report page: no npm here to fetch puppeteer-core"
    mkdir -p "$modules"
    (cd "$modules" && npm install --silent --no-save --no-audit --no-fund puppeteer-core@25 > /dev/null 2>&1) \
        || not_checked "the report page: puppeteer-core could not be fetched"
fi

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
NODE_PATH=$modules/node_modules timeout 300 node "$here/report/check.js" "$browser" "$profile" "$page" "$folder"
