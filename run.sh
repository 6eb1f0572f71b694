#!/usr/bin/env bash
# ./run.sh            the main job: LeNet-300-100 trained, pruned by hand-set and by dynamic thresholds, and the two compared
# ./run.sh test       all tests
# ./run.sh VERB ...   any command (./run.sh --help lists them), built in Release if anything has changed
#
# It may be called from anywhere and through links: the program is built beside this file, relative paths (also runs/) are the caller's.
set -euo pipefail
unset CDPATH
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

fail() { echo "run.sh: $*" >&2; exit 1; }

script=${BASH_SOURCE[0]}
while [[ -L $script ]]; do
    target=$(readlink -- "$script")
    [[ $target == /* ]] || target=$(dirname -- "$script")/$target
    script=$target
done
root=$(cd -- "$(dirname -- "$script")" && pwd -P)
obj=$root/obj
[[ -f $root/Pruning/Pruning.csproj ]] || fail "expected the project beside this script, found none in $root: put a link there, not a copy"

get="https://dotnet.microsoft.com/download/dotnet/10.0 has it; "
get+="on Ubuntu, or with Microsoft's package feed on Debian: apt-get install dotnet-sdk-10.0"
command -v dotnet >/dev/null || fail "the .NET SDK 10.0 is not installed (no 'dotnet' in PATH). $get"

check_sdk() {
    local words found
    words=$(cd "$root" && dotnet --version 2>&1) && return
    echo "$words" >&2
    found=$(dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | paste -sd, - || true)
    [[ ,$found != *,10.* ]] || fail "dotnet fails here (its own words are above), though an SDK 10 is installed ($found)"
    fail "global.json asks for the .NET SDK 10.0, found ${found:-only a runtime}. $get"
}

# dotnet keeps packages and notes in HOME; where it may not write there, beside the build.
choose_home() {
    local folder
    [[ -z ${DOTNET_CLI_HOME:-} ]] || return 0
    for folder in "${HOME:-/nowhere}" "${HOME:-}"/.dotnet "${HOME:-}"/.nuget{,/packages}; do
        if [[ -e $folder || $folder == "${HOME:-/nowhere}" ]] && [[ ! -d $folder || ! -w $folder ]]; then
            export DOTNET_CLI_HOME=$obj/home
            return
        fi
    done
}

# Whether no source is newer than the last build of a project's folder, which makes this assembly.
fresh() {
    [[ -f $root/$1/obj/built && -f $root/$1/bin/Release/net10.0/$2.dll ]] &&
        [[ -z $(find "$root"/{Kernels,Model,Pruning,Tests} "$root"/*.props "$root/global.json" "$root/.editorconfig" \
            \( -name bin -o -name obj \) -prune -o -newer "$root/$1/obj/built" -print -quit) ]]
}

# Builds a project with all it refers to; says nothing unless that fails.
build() {
    if fresh "$1" "$2"; then
        return
    fi
    if [[ ! -w $root || -e $obj && ! -w $obj || -e $root/$1/obj && ! -w $root/$1/obj ]]; then
        [[ -f $root/$1/bin/Release/net10.0/$2.dll ]] || fail "expected a folder to build in, found that $root may not be written to"
        echo "run.sh: $root may not be written to: what was built before is used, though sources are newer" >&2
        return
    fi
    # All before the stamp: a folder that gets one of them is newer than before.
    mkdir -p "$obj" "$root"/{Kernels,Model,Pruning,Pruning/Program,Tests}/{bin,obj}
    build_alone "$1" "$2" 9>"$obj/lock"
}

# Only one process builds. The lock is that of the open descriptor 9, which dotnet and its compilers inherit: it lasts while any of them
# lives, and no longer, since one node (the projects are a chain) and no servers leave nothing behind.
build_alone() {
    local stamp=$root/$1/obj/built log=$root/$1/obj/build.log code said='' child='' again=()
    trap 'stop 129' HUP
    trap 'stop 130' INT
    trap 'stop 143' TERM
    while code=0; try_lock || code=$?; ((code == 1)); do
        [[ -n $said ]] || echo "run.sh: waiting for another run.sh, which builds" >&2
        said=yes
        sleep 0.2
    done
    if fresh "$1" "$2"; then
        trap - HUP INT TERM
        return
    fi
    choose_home
    check_sdk
    [[ -f $stamp ]] || echo "run.sh: building (once; later only what has changed)" >&2
    # What a build that was killed has left may be torn, and yet newer than its sources.
    [[ ! -f $stamp.new ]] || again=(--no-incremental)
    touch "$stamp.new"
    (cd "$root" && exec dotnet build "$1" -c Release -v quiet --nologo -m:1 --disable-build-servers ${again[@]+"${again[@]}"}) \
        >"$log" 2>&1 &
    child=$!
    if ! wait "$child"; then
        rm -f "$stamp.new"
        cat "$log" >&2
        fail "the build failed"
    fi
    trap - HUP INT TERM
    rm -f "$log"
    mv "$stamp.new" "$stamp"
}

# Locks descriptor 9; 1: another process has it. macOS and Git Bash have no flock, but Perl; where neither can lock, builds are not kept
# apart.
try_lock() {
    if command -v flock >/dev/null; then
        flock -n 9
    elif command -v perl >/dev/null; then
        perl -e 'open(my $f, ">&=", 9) or exit 2; flock($f, 6) and exit 0; exit($!{EWOULDBLOCK} ? 1 : 2)'
    fi
}

# A signal ends the build as well.
stop() {
    if [[ -n $child ]]; then
        kill "$child" || true
        wait "$child" || true
    fi 2>/dev/null
    exit "$1"
}

if [[ ${1:-} == test ]]; then
    build Tests Tests
    shift
    cd "$root"
    exec dotnet Tests/bin/Release/net10.0/Tests.dll "$@"
fi

build Pruning/Program secateurs
(($# > 0)) || set -- compare --network lenet-300-100
# The program finds the project's own data by PRUNING_HOME and names the next command as the caller names this script.
export PRUNING_HOME=$root PRUNING_COMMAND=$0
[[ $0 == */* ]] || PRUNING_COMMAND=./$0
exec dotnet "$root/Pruning/Program/bin/Release/net10.0/secateurs.dll" "$@"
