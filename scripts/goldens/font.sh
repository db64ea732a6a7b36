#!/usr/bin/env bash
# The glyphs of DejaVu 2.37 that pictures and charts need: scripts/goldens/font.sh [FOLDER]
#
# Needs fonttools (`pip install fonttools`); the fonts, in FOLDER, are those of Debian's fonts-dejavu-core.
set -euo pipefail
cd "$(dirname "$0")/../.."
fonts=${1:-/usr/share/fonts/truetype/dejavu}

subset() { # font, code points, file
    pyftsubset "$fonts/$1" --unicodes="$2" --layout-features='' --no-hinting --desubroutinize --output-file="$3"
}

subset DejaVuSans.ttf \
    "U+0020-007E,U+00A0-00FF,U+0391-03C9,U+2013,U+2014,U+2018,U+2019,U+201C,U+201D,U+2022,U+2026,U+207B,U+2080-2089,U+2192,U+2212,U+2248,U+2260,U+2264,U+2265" \
    crates/report/assets/DejaVuSans-subset.ttf
subset DejaVuSansMono.ttf "U+0020-007E,U+00B1,U+00B2,U+2212" crates/data/assets/DejaVuSansMono-subset.ttf
