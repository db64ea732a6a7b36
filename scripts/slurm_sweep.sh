#!/usr/bin/env bash
# One run of a sweep as an element of a SLURM array:
#
#   sbatch --array=1-"$(seqjepa sweep FILE --count)" scripts/slurm_sweep.sh FILE [ARGUMENTS of seqjepa sweep, as --output FOLDER]
#   seqjepa sweep FILE --table        # once all are done, or before
#
# Resources are those of a small GPU run: give others to sbatch, whose arguments go before these. Ninety seconds before its time is up SLURM
# sends the run SIGTERM: it saves, and this script puts the element back into the queue, where it goes on from there, to the same bits. An
# element that was preempted or whose node failed is put back by SLURM itself. One that failed is not; hand the array in again, and the runs
# that are finished end at once.
#
#SBATCH --job-name=seqjepa-sweep
#SBATCH --output=slurm-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@90
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:1
#SBATCH --time=04:00:00
set -uo pipefail

usage="usage: sbatch --array=1-N $0 FILE [ARGUMENTS]"
file=${1:?$usage}
shift
: "${SLURM_ARRAY_TASK_ID:?$usage}"

# The signal goes to the step alone, so that this shell is there to put the element back.
# A step does not inherit the job's processors since SLURM 22.05.
srun --ntasks=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} seqjepa sweep "$file" --task "$SLURM_ARRAY_TASK_ID" "$@"
code=$?

# 143: SIGTERM came, and what there is of the run is saved.
if [ "$code" -eq 143 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
    exit 0
fi
exit "$code"
