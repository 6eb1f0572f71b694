#!/usr/bin/env bash
# Packs the libraries and the command as they were built, installs both from the packed files and uses them in an empty folder: a program of
# ten lines that prunes a network, and the command on what it saved. Other packages come from the cache of this machine, or a feed.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "packages.sh: $*" >&2; exit 1; }

cd "$root"
for project in Kernels Model Pruning; do
    dotnet pack "$project" -c Release --no-build --nologo -v quiet -o "$work/feed"
done
# The tool is built once more, for all machines.
dotnet pack Pruning/Program -c Release --no-restore --nologo -v quiet -m:1 --disable-build-servers -o "$work/feed"
# A package is a zip file, in which names stand as they are.
has() { LC_ALL=C grep -aqF "$2" "$work/feed/$1" || fail "$1: expected $2 in it, found none"; }
for name in Secateurs.Kernels Secateurs.Model Secateurs.Pruning; do
    for file in "lib/net10.0/$name.dll" "lib/net10.0/$name.xml" package.md icon.png; do
        has "$name.1.0.0.nupkg" "$file"
    done
    has "$name.1.0.0.snupkg" "lib/net10.0/$name.pdb"
done
# One package for all of these, under 60 MB.
for skia in linux-{x64,arm64,musl-x64}/native/libSkiaSharp.so win-{x64,arm64}/native/libSkiaSharp.dll osx/native/libSkiaSharp.dylib; do
    has secateurs.1.0.0.nupkg "tools/net10.0/any/runtimes/$skia"
done
(($(wc -c <"$work/feed/secateurs.1.0.0.nupkg") < 60000000)) || fail "secateurs: expected a package under 60 MB"

# Packages of the same version may have been there before: these go to a folder of their own, others are read from the cache.
cache=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')
export NUGET_PACKAGES=$work/packages
mkdir -p "$work/empty/data"
cd "$work/empty"
cat >nuget.config <<END
<configuration>
  <packageSources><add key="packed" value="$work/feed" /></packageSources>
  <fallbackPackageFolders><add key="cache" value="$cache" /></fallbackPackageFolders>
</configuration>
END
[[ ! -d $root/data/mnist ]] || ln -s "$root/data/mnist" data/mnist

cat >user.csproj <<'END'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
  </PropertyGroup>
  <ItemGroup><PackageReference Include="Secateurs.Pruning" Version="1.0.0" /></ItemGroup>
</Project>
END
cat >Program.cs <<'END'
using Secateurs.Kernels;
using Secateurs.Model;
using Secateurs.Pruning;
using Secateurs.Pruning.Methods;

using var device = ComputeDevice.Cpu();
var data = Mnist.Load(Console.WriteLine);
var light = Pruner.Prune(device, data, "fc32r fc10", new PruneOptions { MaxDrop = 1, DenseEpochs = 2, Epochs = 1 });
light.Model.Save("light.safetensors");
Console.WriteLine($"{light.Ratio:F1} times lighter, test accuracy {light.Test.Accuracy:F2} %");
END
dotnet run -c Release -v quiet | tee said
grep -qE '^[0-9]+\.[0-9] times lighter' said || fail "the program of ten lines said nothing of the kind"

dotnet tool install secateurs --tool-path "$work/tools" --configfile nuget.config >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; fail "the tool cannot be installed"; }
"$work/tools/secateurs" --version | grep -qE '^1\.0\.0' || fail "the tool does not tell its version"
"$work/tools/secateurs" eval --model light.safetensors --device cpu | head -1
"$work/tools/secateurs" prune --network 'fc32r fc10' --dense-epochs 1 --epochs 1 --max-drop 1 --device cpu >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; fail "the tool does not prune"; }
[[ -s runs/fc32r-fc10-dynamic-seed1/report.html ]] || fail "expected a run under runs/ in the current folder, found none"
line='secateurs pr'
words=$("$work/tools/secateurs" "[suggest:${#line}]" "$line")
grep -qx prune <<<"$words" || fail "completion of '$line': expected prune, found '$words'"
echo "packages.sh: the libraries and the command work from their packages"
