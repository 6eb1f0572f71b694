#!/usr/bin/env bash
# What NVIDIA's assembler makes of the kernels, where there is no GPU: registers, spills and shared memory of each on an H100 (sm_90).
#
#   Tests/ptxas.sh          after ./run.sh test has built the tests
#
# The machine's ptxas is used if there is one. Else it is unpacked from Debian's package nvidia-cuda-toolkit (non-free: NVIDIA's licence;
# 87 MB to fetch, once) into the user's cache folder, where nothing is installed. SUITE=trixie, DEBIAN_MIRROR=URL and ARCH=sm_90 can be set.
set -euo pipefail

suite=${SUITE:-trixie} arch=${ARCH:-sm_90} ptxas=
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pruning
tests=$repository/Tests/bin/Release/net10.0/Tests.dll

die() { echo "ptxas.sh: $*" >&2; exit 1; }

# Sets ptxas to the machine's, or to the one that it fetches.
find_ptxas() {
    ptxas=$(command -v ptxas) && return
    ptxas=$cache/ptxas/usr/bin/ptxas
    [[ ! -x $ptxas ]] || return 0
    command -v apt-get >/dev/null || die "no ptxas here, and no apt-get to fetch Debian's: install the CUDA toolkit"
    local mirror keys='' options keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=${DEBIAN_MIRROR:-$(sed 's/#.*//' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -hoE 'https?://[^ \t]+/debian/?([ \t]|$)' | head -1 | tr -d ' \t' || true)}
    [[ -n $mirror ]] || die "no Debian mirror found in /etc/apt: set DEBIAN_MIRROR=URL"
    [[ ! -f $keyring ]] || keys="signed-by=$keyring "
    mkdir -p "$folder/apt"/{lists,archives}/partial "$folder/root" "$cache"
    echo "deb [${keys}target=Packages lang=none] $mirror $suite non-free" >"$folder/apt/sources.list"
    : >"$folder/apt/status"
    options=(-qq -o "Dir::Etc::SourceList=$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::State::Status=$folder/apt/status" -o "Dir::Cache=$folder/apt"
        -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Retries=3)
    apt-get "${options[@]}" update >&2 || die "apt-get could not read the package lists of $suite"
    (cd "$folder/apt/archives" && apt-get "${options[@]}" download nvidia-cuda-toolkit >&2) ||
        die "apt-get could not fetch nvidia-cuda-toolkit"
    dpkg-deb --fsys-tarfile "$folder"/apt/archives/*.deb | tar -x -C "$folder/root" ./usr/bin/ptxas || die "ptxas could not be unpacked"
    # Whole or not at all, whoever else does the same.
    rm -rf "$cache/ptxas" && mv -T "$folder/root" "$cache/ptxas" || [[ -x $ptxas ]] || die "ptxas could not be put into $cache"
}

[[ -f $tests ]] || die "$tests is missing: ./run.sh test builds it"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
find_ptxas
PRUNING_PTX=$folder dotnet "$tests" -class Tests.KernelTests.PtxTests -noColor >"$folder/log" ||
    die "the tests of PTX failed: $(tail -3 "$folder/log")"

"$ptxas" --version | grep release
printf '%9s %7s %7s  %s\n' registers spilled shared kernel
for file in "$folder"/*.ptx; do
    out=$("$ptxas" -arch="$arch" -v "$file" -o /dev/null 2>&1) || die "$file: $out"
    number() { grep -oE "$1" <<<"$out" | grep -oE '[0-9]+' | head -1 || echo 0; }
    printf '%9s %7s %7s  %s\n' "$(number 'Used [0-9]+ registers')" "$(number '[0-9]+ bytes spill stores')" \
        "$(number '[0-9]+ bytes smem')" "$(basename "$file" .ptx)"
done
