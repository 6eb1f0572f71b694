#!/usr/bin/env bash
# Runs a command on OpenCL:
#
#   Tests/opencl.sh dotnet Tests/bin/Release/net10.0/Tests.dll
#   Tests/opencl.sh dotnet Pruning/Program/bin/Release/net10.0/secateurs.dll devices
#
# ILGPU needs an OpenCL device with a generic address space. Where the machine's own OpenCL has one, the command runs as it
# is. Elsewhere (a machine without a GPU; Debian 12, whose PoCL 3.1 lacks it) the command runs in a small Debian 13 root with
# PoCL, OpenCL on the processor. The root is unpacked once from Debian's packages (about 20 s, 115 MB to fetch, 0.6 GB on
# disk) and kept in the user's cache folder. In it are this repository, the machine's dotnet and /tmp, at their own paths.
# The mounts live in a mount name space of the command's own, so they are gone when it ends, however it ends.
#
# The command runs in the repository's root with PRUNING_REQUIRE_OPENCL=1: a test that would skip OpenCL must fail instead.
# The exit code is the command's; 1 with one line on stderr where OpenCL cannot be had.
#
# OPENCL=machine or OPENCL=debian takes that one without asking. DEBIAN_MIRROR=URL replaces the mirror found in /etc/apt.
set -euo pipefail

suite=trixie
packages=(bash coreutils dash grep libssl3t64 libstdc++6 clinfo ocl-icd-libopencl1 pocl-opencl-icd)
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pruning
root=$cache/opencl-root
home=$cache/opencl-home # HOME inside: PoCL keeps its compiled kernels there

say() { echo "opencl.sh: $*" >&2; }
die() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing: $2"; }

# What ILGPU asks of a device (CLContextExtensions.OpenCL): OpenCL 2.x, or 3.x that says it has a generic address space.
usable_devices() { grep -cE '^ *(Device Version +OpenCL 2\.|Generic address space support +Yes)' || true; }

machine_is_enough() {
    case ${OPENCL:-auto} in
        machine) return 0 ;;
        debian) return 1 ;;
        auto) ;;
        *) die "OPENCL is '$OPENCL': expected machine, debian or nothing" ;;
    esac
    compgen -G '/etc/OpenCL/vendors/*.icd' >/dev/null || return 1
    command -v clinfo >/dev/null || {
        say "this machine has OpenCL, but no clinfo to judge it by (install clinfo, or set OPENCL=machine): taking Debian's PoCL"
        return 1
    }
    (($(clinfo 2>/dev/null | usable_devices) > 0))
}

make_root() {
    local recipe="$suite ${packages[*]}" lists=$cache/opencl-apt new=$root.new mirror options
    mkdir -p "$cache"
    exec 9>"$cache/opencl-root.lock"
    flock 9
    [[ $(cat "$root/recipe" 2>/dev/null) != "$recipe" ]] || { exec 9>&-; return 0; }

    need apt-get "it fetches Debian's packages; on a system other than Debian, install an OpenCL driver of your own"
    need dpkg "it unpacks Debian's packages"
    mirror=${DEBIAN_MIRROR:-$(sed 's/#.*//' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -hoE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ' || true)}
    [[ -n $mirror ]] || die "no Debian mirror found in /etc/apt: set DEBIAN_MIRROR=URL"

    say "preparing a Debian ($suite) root with PoCL in $root"
    rm -rf "$new" "$root" "$lists"
    mkdir -p "$new" "$lists"/{lists,archives}/partial
    echo "deb [target=Packages lang=none] $mirror $suite main" >"$lists/sources.list"
    # An empty dpkg status makes apt resolve the whole closure; none of the machine's own apt state is touched.
    : >"$lists/status"
    options=(-qq -o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$lists/lists" -o "Dir::State::Status=$lists/status"
        -o "Dir::Cache=$lists" -o "Dir::Cache::archives=$lists/archives"
        -o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Acquire::Retries=3)
    apt-get "${options[@]}" update >&2 || die "apt-get could not read the package lists of $suite"
    apt-get "${options[@]}" --yes --no-install-recommends --download-only install base-files "${packages[@]}" >&2 ||
        die "apt-get could not fetch PoCL and what it depends on"

    # Unpacking is enough: nothing PoCL needs is made by a maintainer script. base-files first, for /bin -> usr/bin.
    local package
    for package in "$lists"/archives/base-files_*.deb "$lists"/archives/*.deb; do
        dpkg -x "$package" "$new"
    done
    echo 'root:x:0:0:root:/root:/bin/bash' >"$new/etc/passwd"
    echo "$recipe" >"$new/recipe"
    mv "$new" "$root"
    rm -rf "$lists"
    exec 9>&-
}

# Runs in a mount name space of its own.
enter_root() {
    local dotnet
    dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
    mkdir -p "$home" "$root/home"
    mount --bind "$home" "$root/home"
    mount --rbind /tmp "$root/tmp"
    local directory
    for directory in /proc /sys /dev "$dotnet" "$repository"; do # PoCL reads the processor's description from /sys
        mkdir -p "$root$directory"
        mount --rbind "$directory" "$root$directory"
    done

    unset XDG_CACHE_HOME LD_LIBRARY_PATH LD_PRELOAD TMPDIR OCL_ICD_VENDORS OCL_ICD_FILENAMES POCL_CACHE_DIR
    export HOME=/home PATH=$dotnet:/usr/sbin:/usr/bin LANG=C.UTF-8 DOTNET_ROOT=$dotnet DOTNET_CLI_HOME=/home DOTNET_NOLOGO=1 \
        DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
    (($(chroot "$root" clinfo | usable_devices) > 0)) ||
        die "PoCL finds no usable device in $root (remove that folder to have it made anew)"
    # shellcheck disable=SC2016 # expanded inside
    exec chroot "$root" bash -c 'cd "$1" && shift && exec "$@"' opencl.sh "$repository" "$@"
}

(($# > 0)) || { say "usage: Tests/opencl.sh COMMAND [ARGUMENT]..."; exit 2; }
export PRUNING_REQUIRE_OPENCL=1

if [[ $1 == --inside ]]; then
    shift
    enter_root "$@"
fi

if machine_is_enough; then
    say "on this machine's own OpenCL"
    cd "$repository"
    exec "$@"
fi

need dotnet "install the .NET runtime that global.json names"
need unshare "install util-linux"
own_mounts=(unshare --mount)
((EUID == 0)) || own_mounts=(unshare --user --map-root-user --mount)
"${own_mounts[@]}" true 2>/dev/null ||
    die "no right to mount here: run as root (in a container: with the SYS_ADMIN capability), or allow user name spaces"
make_root
say "on PoCL, in a Debian root ($suite)"
exec "${own_mounts[@]}" bash "${BASH_SOURCE[0]}" --inside "$@"
