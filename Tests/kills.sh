#!/usr/bin/env bash
# Kills runs at random moments and goes on with them, until each is whole: its networks and tables must be those of a run that nobody
# killed, but for times.
#
#   Tests/kills.sh [KILLS] [SEED]     200 kills over all verbs, seed 1
#
# The program must be built (dotnet build -c Release) and MNIST be in data/mnist: 2,000 of its images are used. Exit code 1 with the files
# that differ; the last line counts kills and runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kills=${1:-200} seed=${2:-1}
source Tests/runs.sh
mnist=$(mnist_folder kills.sh)
work=$(mktemp -d)
child=''
trap '[[ -z $child ]] || kill -9 "$child" 2>/dev/null || true; rm -rf "$work"' EXIT
RANDOM=$seed

small_set "$mnist" "$work/data"

machine=(--data "$work/data" --device cpu --no-report)
small=(--network 'fc24r fc10' --batch 16 --validation 300 "${machine[@]}")
short=(--dense-epochs 4 --epochs 2 --max-drop 3)
"${program[@]}" train --network 'fc24r fc10' --batch 16 --validation 300 --data "$work/data" --device cpu --epochs 4 \
    --out "$work/dense" 2>/dev/null

# What a run is called with, but for --out.
command_of() {
    case $1 in
        train) args=(train "${small[@]:0:8}" --device cpu --epochs 60) ;;
        dynamic) args=(prune "${short[@]}" "${small[@]}") ;;
        target) args=(prune --dense-epochs 4 --epochs 2 --target-ratio 20 "${small[@]}") ;;
        hand-set) args=(prune --method hand-set --dense-epochs 4 --epochs 20 "${small[@]}") ;;
        model) args=(prune --model "$work/dense" --epochs 3 --max-drop 3,6 --batch 16 "${machine[@]}") ;;
        compare) args=(compare --full "${short[@]}" "${small[@]}") ;;
        compress) args=(compress --model "$work/dense" --epochs 10 --batch 16 "${machine[@]}") ;;
        study) args=(study --networks 'fc24r fc10' --seeds 1-2 --hand-set-epochs 1,2 "${short[@]}" "${small[@]:2}") ;;
    esac
}

killed=0 runs=0
kinds=(train dynamic target hand-set model compare compress study)
declare -A span
while ((killed < kills)); do
    kind=${kinds[runs % ${#kinds[@]}]}
    command_of "$kind"
    if [[ ! -f $work/$kind.content ]]; then
        begun=$(date +%s%N)
        "${program[@]}" "${args[@]}" --out "$work/$kind" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
        span[$kind]=$((($(date +%s%N) - begun) / 1000000))
        content "$work/$kind" >"$work/$kind.content"
        rm -rf "${work:?}/$kind"
    fi
    run=$work/$kind-again
    call=("${program[@]}" "${args[@]}" --out "$run")
    lives=0
    while true; do
        "${call[@]}" >/dev/null 2>"$work/log" &
        child=$!
        # At any moment of a run of its length, later ones sooner reached; a run that is not killed any more comes to its end.
        if ((killed < kills && lives < 12)); then
            wait_ms=$(((RANDOM * 32768 + RANDOM) % span[$kind]))
            sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
            if kill -9 "$child" 2>/dev/null; then
                killed=$((killed + 1)) lives=$((lives + 1))
            fi
        fi
        code=0
        { wait "$child" || code=$?; } 2>/dev/null
        child=''
        ((code != 0)) || break
        ((code == 137)) || { cat "$work/log" >&2; exit 1; }
        # Killed before it noted its options, it begins as it began.
        if [[ -n $(find "$run" -maxdepth 1 \( -name options.json -o -name compression.json -o -name study.json \) 2>/dev/null) ]]; then
            call=("${program[@]}" resume "$run")
        fi
    done
    content "$run" >"$work/again.content"
    diff "$work/$kind.content" "$work/again.content" >&2 || { echo "kills.sh: $kind differs after $lives kills" >&2; exit 1; }
    "${program[@]}" resume "$run" 2>/dev/null | grep -q 'nothing is left to do' || { echo "kills.sh: $kind is not whole" >&2; exit 1; }
    rm -rf "$run"
    runs=$((runs + 1))
    echo "$kind: $lives kills, the same bits"
done
echo "$killed kills, $runs runs, all the same bits"
