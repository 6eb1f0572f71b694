#!/usr/bin/env bash
# What NVIDIA's assembler makes of the kernels, where there is no GPU: registers, spills and shared memory of each on an H100 (sm_90).
#
#   Tests/ptxas.sh          after ./run.sh test has built the tests
#
# The machine's ptxas is used if there is one. Else it is unpacked from Debian's package nvidia-cuda-toolkit (non-free: NVIDIA's licence; 87 MB to
# fetch, once) into the user's cache folder, where nothing is installed. SUITE=trixie, DEBIAN_MIRROR=URL and ARCH=sm_90 can be set.
set -euo pipefail

suite=${SUITE:-trixie} arch=${ARCH:-sm_90}
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pruning
tests=$repository/Tests/bin/Release/net10.0/Tests.dll

die() { echo "ptxas.sh: $*" >&2; exit 1; }

find_ptxas() {
    command -v ptxas && return 0
    local root=$cache/ptxas lists=$cache/ptxas-apt mirror options
    if [[ ! -x $root/usr/bin/ptxas ]]; then
        command -v apt-get >/dev/null || die "no ptxas here, and no apt-get to fetch Debian's; install the CUDA toolkit"
        mirror=${DEBIAN_MIRROR:-$(sed 's/#.*//' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
            grep -hoE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ' || true)}
        [[ -n $mirror ]] || die "no Debian mirror found in /etc/apt: set DEBIAN_MIRROR=URL"
        mkdir -p "$lists"/{lists,archives}/partial "$root"
        echo "deb [target=Packages lang=none] $mirror $suite non-free" >"$lists/sources.list"
        : >"$lists/status"
        options=(-qq -o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$lists/lists"
            -o "Dir::State::Status=$lists/status" -o "Dir::Cache=$lists" -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Retries=3)
        apt-get "${options[@]}" update >&2 || die "apt-get could not read the package lists of $suite"
        (cd "$lists/archives" && rm -f ./*.deb && apt-get "${options[@]}" download nvidia-cuda-toolkit >&2) || die "apt-get could not fetch nvidia-cuda-toolkit"
        dpkg -x "$lists"/archives/*.deb "$root" && rm -rf "$lists"
    fi
    echo "$root/usr/bin/ptxas"
}

[[ -f $tests ]] || die "$tests is missing: ./run.sh test builds it"
ptxas=$(find_ptxas)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
PRUNING_PTX=$folder dotnet "$tests" -class Tests.KernelTests.PtxTests -noColor >"$folder/log" || die "the tests of PTX failed: $(tail -3 "$folder/log")"

"$ptxas" --version | grep release
printf '%9s %7s %7s  %s\n' registers spilled shared kernel
for file in "$folder"/*.ptx; do
    out=$("$ptxas" -arch="$arch" -v "$file" -o /dev/null 2>&1) || die "$file: $out"
    number() { grep -oE "$1" <<<"$out" | grep -oE '[0-9]+' | head -1 || echo 0; }
    printf '%9s %7s %7s  %s\n' "$(number 'Used [0-9]+ registers')" "$(number '[0-9]+ bytes spill stores')" "$(number '[0-9]+ bytes smem')" "$(basename "$file" .ptx)"
done
