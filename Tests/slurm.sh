#!/usr/bin/env bash
# A study on a cluster: Slurm with two nodes, both this machine, under a configuration of its own in a temporary folder.
#
#   Tests/slurm.sh
#
# Of four tasks one is killed and requeued, one is driven from its node, and one is cancelled; the tables that are made then name what is
# missing, and a second call submits just that. Networks and tables must be those of one process that nobody disturbed, but for times.
#
# The program must be built (dotnet build -c Release) and MNIST be in data/mnist: 2,000 of its images are used. Debian's packages slurm-wlm,
# munge and procps are installed where they are missing. Exit code 77 with one line where Slurm cannot be had; 1 where something differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source Tests/runs.sh
PATH=$PATH:/usr/sbin:/sbin
fail() { echo "slurm.sh: $*" >&2; exit 1; }
skip() { echo "slurm.sh: skipped: $*" >&2; exit 77; }

mnist=$(mnist_folder slurm.sh)
has_slurm() { for name in slurmctld slurmd munged sbatch pgrep; do command -v "$name" >/dev/null || return; done; }
# Package servers that do not answer, and daemons that a package starts, hold nobody up.
install_slurm() {
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    timeout 300 apt-get -qq -o Acquire::Retries=2 -o Acquire::http::Timeout=20 update &&
        timeout 600 apt-get -qq -y -o DPkg::Lock::Timeout=60 --no-install-recommends install slurm-wlm munge procps
}
if ! has_slurm; then
    ((EUID == 0)) && command -v apt-get >/dev/null || skip "slurm-wlm, munge and procps are not installed, and this is not root on Debian"
    (install_slurm) </dev/null >/dev/null 2>&1 || skip "apt-get cannot install slurm-wlm, munge and procps"
    has_slurm || skip "slurm-wlm, munge and procps do not have what is needed"
fi

# Waits until a condition holds, for so many seconds.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}
gone() { ! kill -0 "$@"; }
queue_is_empty() { [[ -z $(timeout 5 squeue -h || echo unknown) ]]; }

user=$(id -un) host=$(hostname -s) port=$((20000 + RANDOM % 10000))
work=$(mktemp -d)
chmod 755 "$work"
daemons=()
finish() {
    local code=$? left
    if ((${#daemons[@]} > 0)); then
        timeout 10 scancel -u "$user" >/dev/null 2>&1 || true
        until_true 10 queue_is_empty || true
        kill "${daemons[@]}" 2>/dev/null || true
        until_true 10 gone "${daemons[@]}" || kill -9 "${daemons[@]}" 2>/dev/null || true
    fi
    # Tasks that still run, and what Slurm watches them by, end with their units' folders.
    left=$(grep -lasF "SLURM_CONF=$work/" /proc/[0-9]*/environ | cut -d / -f 3 | grep -vx $$ || true)
    [[ -z $left ]] || kill -9 $left 2>/dev/null || true
    rm -rf "$work" || true
    exit "$code"
}
trap finish EXIT

mkdir "$work/munge" "$work/state"
head -c 64 /dev/urandom >"$work/key"
chmod 600 "$work/key"
# Slurm 22 does without cgroups by itself.
(($(slurmd -V | grep -oE '[0-9]+' | head -1) < 23)) || echo 'CgroupPlugin=disabled' >"$work/cgroup.conf"
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
AuthInfo=socket=$work/munge/socket
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2
NodeName=node[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=1
PartitionName=all Nodes=ALL Default=YES State=UP
END
export SLURM_CONF=$work/slurm.conf

munged --foreground --force --key-file="$work/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
    --log-file="$work/munge/log" --seed-file="$work/munge/seed" >"$work/munged.out" 2>&1 &
daemons+=($!)
slurmctld -D >/dev/null 2>&1 &
daemons+=($!)
for node in node1 node2; do
    slurmd -D -N "$node" >/dev/null 2>&1 &
    daemons+=($!)
done

both_idle() { [[ $(timeout 5 sinfo -h -o '%D %t') == '2 idle' ]]; }
until_true 30 both_idle ||
    skip "slurmctld and slurmd do not start here: $(grep -hE 'error|fatal' "$work"/{slurmctld,node1}.log | tail -n 1)"

small_set "$mnist" "$work/data"
call=("${program[@]}" study --networks 'fc8r fc10' --seeds 1-4 --hand-set-epochs 1 --dense-epochs 4 --epochs 2 --max-drop 3 --batch 16
    --validation 300 --data "$work/data" --device cpu --no-report)
# On as many cores as a task has, since summary.csv tells them.
DOTNET_PROCESSOR_COUNT=1 "${call[@]}" --out "$work/alone" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }

study="$work/a study"
submit() { "${call[@]}" --out "$study" --slurm --slurm-options '--partition=all --cpus-per-task=1' --submit; }
is_over() { scontrol show job "$1" | grep -qE 'JobState=(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY)'; }
# Whether a task other than the first runs on the second node; that one is $moved then.
on_node2() { moved=$(squeue -h -r -w node2 -t R -o %K | grep -vx 1 | head -1) && [[ -n $moved ]]; }
task_of() { pgrep -f -- "--out $study --task $1\$"; }
# Not while what it was still ends: Slurm sets the time of its start afterwards.
is_pending() { [[ $(squeue -h -r -j "$1" -o %t) == PD ]]; }
# Puts a task back into the queue; Slurm would let it wait there for two minutes.
requeue() {
    until_true 60 scontrol requeue "$1" || fail "scontrol requeue $1: $(scontrol requeue "$1" 2>&1)"
    until_true 60 is_pending "$1" || fail "task $1 is not in the queue again"
    until_true 30 scontrol update JobId="$1" StartTime=now || fail "task $1 cannot be started at once"
}

said=$(submit 2>"$work/log") || { cat "$work/log" >&2; exit 1; }
array=$(grep -oE '^array job [0-9]+' <<<"$said" | grep -oE '[0-9]+')
gather=$(grep -oE '^job [0-9]+' <<<"$said" | grep -oE '[0-9]+')
scancel "${array}_4"
until_true 300 test -d "$study/fc8r-fc10/seed-1/dense" || fail "the first task makes nothing: $(tail -n 3 "$study"/slurm/*.log)"
pid=$(task_of 1) || fail 'task 1 has ended before it could be killed'
kill -9 "$pid"
until_true 30 gone "$pid" || fail 'task 1 outlives its kill'
until_true 60 on_node2 || fail 'nothing but the first task runs on the second node'
scontrol update NodeName=node2 State=drain Reason=test
requeue "${array}_$moved"
requeue "${array}_1"
until_true 600 is_over "$gather" || fail "the jobs do not end: $(squeue)"
missing='missing: fc8r fc10, seed 4: dense, hand-set-1, dynamic'
grep -qxF "$missing" "$study/slurm/gather.log" || { cat "$study/slurm/"*.log >&2; fail "expected '$missing' in gather.log"; }

scontrol update NodeName=node2 State=resume
said=$(submit 2>"$work/log") || { cat "$work/log" >&2; exit 1; }
grep -qx '#SBATCH --array=4' "$study/slurm/units.sbatch" || fail 'expected a task for the missing seed alone'
gather=$(grep -oE '^job [0-9]+' <<<"$said" | grep -oE '[0-9]+')
until_true 600 is_over "$gather" || fail "the jobs do not end: $(squeue)"

# Two units were broken off, so that they began twice; no other did.
begun=$(cat "$study"/slurm/task-*.log | grep -c ' -> ')
((begun <= 12 + 2)) || fail "expected 12 units to begin and 2 of them again, found $begun"
rm -r "$study/slurm"
content "$work/alone" >"$work/alone.content"
content "$study" >"$work/study.content"
diff "$work/alone.content" "$work/study.content" >&2 || fail 'the study differs from that of one process'
echo 'slurm.sh: 12 units by 4 tasks on 2 nodes, a kill, a drained node and a cancelled task: the same bits'
