#!/usr/bin/env bash
# The glyphs of DejaVu Sans 2.37 that charts need: scripts/goldens/font.sh DejaVuSans.ttf
#
# Needs fonttools (`pip install fonttools`); the font is Debian's fonts-dejavu-core.
set -euo pipefail
cd "$(dirname "$0")/../.."

pyftsubset "${1:-/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf}" \
    --unicodes="U+0020-007E,U+00A0-00FF,U+0391-03C9,U+2013,U+2014,U+2018,U+2019,U+201C,U+201D,U+2022,U+2026,U+207B,U+2080-2089,U+2192,U+2212,U+2248,U+2260,U+2264,U+2265" \
    --layout-features='' --no-hinting --desubroutinize --output-file=crates/report/assets/DejaVuSans-subset.ttf
