#!/usr/bin/env bash
# Runs a command where Vulkan finds a graphics card that is a program: scripts/software_adapter.sh COMMAND [ARGUMENT..]
#
# The adapter is SwiftShader, as Chromium ships it, with Vulkan's loader: that of an installed Chromium, or else of Debian's package
# chromium-common, which is fetched and unpacked below target/tools (26 MB to fetch; installs nothing, needs no root). Vulkan has no
# other adapter then; a graphics card that answers to OpenGL is still preferred by Burn. Exits with 3 where there is none to be had, else
# with the command's code.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: scripts/software_adapter.sh COMMAND [ARGUMENT..]" >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)

not_checked() {
    echo "NOT CHECKED: $*" >&2
    exit 3
}

[ "$(uname -s)" = Linux ] || not_checked "SwiftShader is looked for on Linux alone"
tools=${CARGO_TARGET_DIR:-$here/target}/tools
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
log=$tools/software_adapter.log

parts=(vk_swiftshader_icd.json libvk_swiftshader.so libvulkan.so.1)
is_whole() {
    local part
    for part in "${parts[@]}"; do
        [ -e "$1/$part" ] || return 1
    done
}

# Debian's lists of packages as they are, or else fetched into a folder of one's own.
download() {
    apt-get download chromium-common && return
    mkdir -p lists/partial cache/archives/partial
    local own=(-o "Dir::State::Lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o Acquire::Retries=3)
    apt-get "${own[@]}" update && apt-get "${own[@]}" download chromium-common
}

fetch() {
    local work part
    if ! command -v apt-get > /dev/null || ! command -v dpkg > /dev/null; then
        not_checked "there is no Chromium with SwiftShader, and no Debian to fetch it from"
    fi
    work=$(mktemp -d "$tools/swiftshader.XXXXXX")
    # Told of below if it does not come.
    (cd "$work" && download && dpkg --extract chromium-common_*.deb .) > "$log" 2>&1 || true
    if ! is_whole "$work/usr/lib/chromium"; then
        rm -rf "$work"
        not_checked "Debian's package chromium-common could not be fetched, or holds no SwiftShader: see $log"
    fi
    mkdir "$work/swiftshader"
    for part in "${parts[@]}"; do
        mv "$work/usr/lib/chromium/$part" "$work/swiftshader"
    done
    # At once, so that a folder of this name is whole.
    mv -T "$work/swiftshader" "$tools/swiftshader" 2>> "$log" || is_whole "$tools/swiftshader"
    rm -rf "$work"
}

adapter=
for folder in /usr/lib/chromium /usr/lib64/chromium-browser /opt/google/chrome "$tools/swiftshader"; do
    if [ -z "$adapter" ] && is_whole "$folder"; then
        adapter=$folder
    fi
done
if [ -z "$adapter" ]; then
    fetch
    adapter=$tools/swiftshader
fi
if missing=$(ldd "$adapter"/lib*.so* | grep 'not found'); then
    not_checked "SwiftShader in $adapter lacks libraries: $missing"
fi

# The second is the older name of the first.
export VK_DRIVER_FILES=$adapter/vk_swiftshader_icd.json VK_ICD_FILENAMES=$adapter/vk_swiftshader_icd.json
export LD_LIBRARY_PATH=$adapter${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# Burn's default device on it, which else is a graphics card; `run.device` names the adapter without this.
export CUBECL_WGPU_DEFAULT_DEVICE=Cpu
exec "$@"
