#!/usr/bin/env bash
# One run as a SLURM job that goes back into the queue until it has ended:
#
#   sbatch scripts/slurm_run.sh CONFIG [ARGUMENTS of seqjepa train, as --set KEY=VALUE]
#
# Resources are those of a small GPU run: give others to sbatch, whose arguments go before these. Two minutes before its time is up SLURM
# sends the run SIGTERM: it saves, and this script puts the job back into the queue, where it goes on from there. A job that was preempted
# or whose node failed is put back by SLURM itself. One that failed, or failed its gates (exit code 3), is not. Runs of a sweep:
# scripts/slurm_sweep.sh.
#
#SBATCH --job-name=seqjepa
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:1
#SBATCH --time=04:00:00
set -uo pipefail

usage="usage: sbatch $0 CONFIG [ARGUMENTS]"
config=${1:?$usage}
shift
: "${SLURM_JOB_ID:?$usage}"

# The signal goes to the step alone, so that this shell is there to put the job back.
# A step does not inherit the job's processors since SLURM 22.05.
srun --ntasks=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} seqjepa train --config "$config" "$@" --resume auto
code=$?

# 143: SIGTERM came, and what there is of the run is saved.
if [ "$code" -eq 143 ]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$code"
