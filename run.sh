#!/usr/bin/env bash
# ./run.sh            the main job: LeNet-300-100 trained, pruned by hand-set and by dynamic thresholds, and the two compared
# ./run.sh test       all tests
# ./run.sh VERB ...   any command (./run.sh --help lists them), built in Release if anything has changed
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

fail() { echo "run.sh: $*" >&2; exit 1; }

check_sdk() {
    local get="https://dotnet.microsoft.com/download/dotnet/10.0 has it; on Ubuntu, or with Microsoft's package feed on Debian: apt-get install dotnet-sdk-10.0"
    command -v dotnet >/dev/null || fail "the .NET SDK 10.0 is not installed (no 'dotnet' in PATH). $get"
    (cd "$root" && dotnet --version >/dev/null 2>&1) ||
        fail "global.json asks for the .NET SDK 10.0, found $(dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | paste -sd, | sed 's/^$/only a runtime/'). $get"
}

# Builds a project with all it refers to; says nothing unless that fails. Skipped where no source is newer than the last build.
build() {
    local stamp=$root/$1/obj/built log
    if [[ -f $stamp ]] && [[ -z $(find "$root"/{Kernels,Model,Pruning,Tests} "$root"/*.props "$root/global.json" "$root/.editorconfig" \
        \( -name bin -o -name obj \) -prune -o -newer "$stamp" -print -quit) ]]; then
        return
    fi
    check_sdk
    [[ -f $stamp ]] || echo "run.sh: building (once; later only what has changed)" >&2
    mkdir -p "$root/$1/obj"
    touch "$stamp.new"
    log=$(cd "$root" && dotnet build "$1" -c Release -v quiet --nologo 2>&1) || {
        echo "$log" >&2
        fail "the build failed"
    }
    mv "$stamp.new" "$stamp"
}

if [[ ${1:-} == test ]]; then
    build Tests
    shift
    cd "$root"
    exec dotnet Tests/bin/Release/net10.0/Tests.dll "$@"
fi

build Pruning
if (($# == 0)); then
    cd "$root"
    set -- compare --network lenet-300-100
fi
PRUNING_HOME=$root exec dotnet "$root/Pruning/bin/Release/net10.0/Pruning.dll" "$@"
