//! `sweep`.

mod table;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::{available_parallelism, sleep};
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use seqjepa_evaluation::Table;
use seqjepa_run::Registry;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::sweep::{PlannedRun, Standing, SweepIndex, SweepPlan, rehearse};
use seqjepa_train::storage::{Folder, folder_of, write_atomically};

use super::arguments::whole;
use super::finish::GATES_FAILED;
use super::pace::words;
use super::pool::on_the_pool;
use super::signals::{Stop, StoppedWork, stoppable};
use super::terminal::{self, note, say, short_line, tell, width};
use super::train;
use worker::{Ended, Worker};

/// How often the runs are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the runs of a sweep file, methods by data sets by seeds, and the table of their figures.
///
/// Every combination is a run in its own folder, OUTPUT/DATASET/METHOD/seedSEED, beside which are its config and what it printed. What is
/// finished is not made again, what was stopped goes on to the same bits, what has failed is tried again; the other runs do not wait for
/// it. All configs, data and models are looked at before the first run starts. SIGINT and SIGTERM stop the runs, which save. Exit code 1 if
/// a run failed, else 3 if a run has not passed the gates of its config.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The sweep file (docs/sweeps.md; `seqjepa config schema --sweep` for editors).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Folder of the sweep, in place of the file's `output`.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Runs at a time, each with its share of the processor's threads.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<usize>(1, 1024))]
    jobs: usize,
    /// Makes only runs whose DATASET/METHOD/seedSEED contains this text.
    #[arg(long, value_name = "TEXT", conflicts_with = "task")]
    only: Option<String>,
    /// Makes one run in this process, by its number from 1: an element of an array of a cluster's jobs (scripts/slurm_sweep.sh)
    #[arg(long, value_name = "K", conflicts_with_all = ["jobs", "dry_run", "table", "count"], value_parser = whole::<usize>(1, u64::MAX))]
    task: Option<usize>,
    /// Prints the number of runs.
    #[arg(long, conflicts_with_all = ["dry_run", "table"])]
    count: bool,
    /// Looks at everything and lists the runs with their standing and the digest of their config; writes nothing, fetches nothing
    #[arg(long, conflicts_with = "table")]
    dry_run: bool,
    /// Makes no run, only the table of those that are finished.
    #[arg(long)]
    table: bool,
}

/// What is said of a run that this process leaves to another.
const ELSEWHERE: &str = "another process is at work on it, and goes on with it";

/// A run with its standing before anything is done.
#[derive(Debug, Clone, Copy)]
struct Found<'a> {
    run: &'a PlannedRun,
    standing: Standing,
}

/// What has come of a run at its turn.
enum Turn<'a> {
    /// A process of this sweep is at work on it.
    Started(Worker<'a>),
    /// There is nothing to do, as another process is at work on it or has been, in words.
    LeftOut(&'static str),
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let registry = Registry::standard();
    let plan = SweepPlan::read(&registry, &arguments.file, arguments.output.as_deref())?;
    if arguments.count {
        say!("{}", plan.runs().len());
        return Ok(ExitCode::SUCCESS);
    }
    SweepIndex::check_folder(plan.root())?;
    if let Some(task) = arguments.task {
        return one(&registry, &plan, task);
    }
    let found = plan.runs().iter().map(|run| Ok(Found { run, standing: run.standing(&registry)? }));
    let mut found = found.collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.table {
        SweepIndex::of(&plan).write(plan.root())?;
        table::write(&registry, &plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(text) = &arguments.only {
        found.retain(|found| found.run.id.contains(text.as_str()));
        ensure!(
            !found.is_empty(),
            "--only {text}: expected a part of DATASET/METHOD/seedSEED, found no run that has it"
        );
    }
    stoppable(|stop| on_the_pool(|| sweep(arguments, &registry, &plan, &found, stop)))
}

fn sweep(
    arguments: &Arguments,
    registry: &Registry,
    plan: &SweepPlan,
    found: &[Found<'_>],
    stop: &Stop,
) -> anyhow::Result<ExitCode> {
    let open = || found.iter().filter(|found| found.standing != Standing::Finished);
    let mut rehearsed: Vec<PlannedRun> = open().map(|found| found.run.clone()).collect();
    if arguments.dry_run {
        rehearsed.iter_mut().for_each(|run| run.config.dataset.download = false);
    }
    rehearse(registry, &rehearsed, &mut stop.watch(&mut ProgressBars::new()))?;
    stop.check()?;
    if arguments.dry_run {
        list(found);
        return Ok(ExitCode::SUCCESS);
    }
    SweepIndex::of(plan).write(plan.root())?;
    for elsewhere in found.iter().filter(|found| found.standing == Standing::Running) {
        tell!("{}: {ELSEWHERE}", elsewhere.run);
    }
    let queue: Vec<&Found<'_>> = open().filter(|found| found.standing != Standing::Running).collect();
    stop.begin();
    tell!("{} of {} to make, in {}", queue.len(), runs(found.len()), plan.root().display());
    let failed = make(registry, &queue, arguments.jobs, stop)?;
    table::write(registry, plan)?;
    if stop.check().is_err() {
        let again = format!(
            "the sweep was stopped; its runs are saved as they are, and the same command goes on with them: seqjepa sweep {}",
            arguments.file.display()
        );
        return Err(StoppedWork(again).into());
    }
    for (run, reason) in &failed {
        terminal::error(format_args!("error: {run}: {reason}"));
    }
    if !failed.is_empty() {
        let (have, them) = if failed.len() == 1 { ("has", "it") } else { ("have", "them") };
        terminal::error(format_args!(
            "{} of {} {have} failed; the same command tries {them} again",
            failed.len(),
            runs(found.len())
        ));
        return Ok(ExitCode::FAILURE);
    }
    let is_gated = |run: &PlannedRun| !run.failed_gates().is_empty();
    let gates_failed = found.iter().any(|found| {
        is_gated(found.run) && found.run.standing(registry).is_ok_and(|now| now == Standing::Finished)
    });
    Ok(if gates_failed { ExitCode::from(GATES_FAILED) } else { ExitCode::SUCCESS })
}

/// A number of runs, in words.
fn runs(count: usize) -> String {
    format!("{count} {}", if count == 1 { "run" } else { "runs" })
}

/// Makes the runs, so many at a time, until all are made or a signal comes. Those that failed, and why.
fn make<'a>(
    registry: &Registry,
    queue: &[&Found<'a>],
    jobs: usize,
    stop: &Stop,
) -> anyhow::Result<Vec<(&'a PlannedRun, String)>> {
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = (jobs > 1).then(|| (cores / jobs).max(1));
    let mut waiting = queue.iter();
    let (mut workers, mut failed): (Vec<Worker<'a>>, _) = (Vec::new(), Vec::new());
    let (mut done, mut whole) = (0, Vec::new());
    let mut stopping = false;
    loop {
        if stop.check().is_err() && !stopping {
            stopping = true;
            tell!("stopping: waiting for {} to save", runs(workers.len()));
            workers.iter().for_each(Worker::stop);
        }
        while !stopping && workers.len() < jobs {
            let Some(found) = waiting.next() else { break };
            match start(registry, found.run, threads) {
                Ok(Turn::Started(worker)) => {
                    workers.push(worker);
                    continue;
                }
                Ok(Turn::LeftOut(why)) => tell!("{}: {why}", found.run),
                Err(error) => failed.push((found.run, error.to_string())),
            }
            done += 1;
        }
        if workers.is_empty() {
            return Ok(failed);
        }
        let mut index = 0;
        while index < workers.len() {
            let Some(ended) = workers[index].ended()? else {
                index += 1;
                continue;
            };
            let worker = workers.swap_remove(index);
            if stopping && !matches!(ended, Ended::Finished { .. }) {
                continue;
            }
            done += 1;
            let time = worker.started.elapsed();
            let found = queue.iter().find(|found| found.run.id == worker.run.id);
            if found.is_some_and(|found| found.standing == Standing::Absent)
                && !matches!(ended, Ended::Failed(_))
            {
                whole.push(time);
            }
            let left = queue.len() - done;
            let said = match ended {
                Ended::Finished { gates_failed: false } => "finished".to_owned(),
                Ended::Finished { gates_failed: true } => "finished, its gates failed".to_owned(),
                Ended::Failed(_) if worker.is_elsewhere(registry) => {
                    tell!("{}: {ELSEWHERE}", worker.run);
                    continue;
                }
                Ended::Failed(reason) => {
                    failed.push((worker.run, format!("{reason} (all of it is in {})", worker.log.display())));
                    "FAILED".to_owned()
                }
            };
            tell!(
                "{}: {said} after {}; {left} left{}",
                worker.run,
                words(time),
                estimate(&whole, left, jobs)
            );
        }
        sleep(LOOK);
    }
}

/// About how long the rest takes, by the runs that were made from their start.
fn estimate(whole: &[Duration], left: usize, jobs: usize) -> String {
    let (Ok(count), Ok(rounds)) = (u32::try_from(whole.len()), u32::try_from(left.div_ceil(jobs))) else {
        return String::new();
    };
    if count == 0 || left == 0 {
        return String::new();
    }
    format!(", about {}", words(whole.iter().sum::<Duration>() / count * rounds))
}

/// Writes the config of a run beside its folder, and where its process finds it.
fn write_config(run: &PlannedRun) -> anyhow::Result<PathBuf> {
    let path = beside(run, "yaml");
    Folder::at(folder_of(&path)).make()?;
    write_atomically(&path, run.config.to_yaml().as_bytes())?;
    Ok(path)
}

/// A file beside the folder of a run, with its name.
fn beside(run: &PlannedRun, ending: &str) -> PathBuf {
    folder_of(run.folder()).join(format!("seed{}.{ending}", run.seed))
}

/// Starts a run, or goes on with it, unless another process has come before: it is looked at anew.
fn start<'a>(registry: &Registry, run: &'a PlannedRun, threads: Option<usize>) -> anyhow::Result<Turn<'a>> {
    let begun = match prepared(registry, run)? {
        Standing::Running => return Ok(Turn::LeftOut(ELSEWHERE)),
        Standing::Finished => return Ok(Turn::LeftOut("finished by another process")),
        Standing::Absent => "starting",
        Standing::Unfinished | Standing::Failed => "going on",
    };
    tell!("{run}: {begun}");
    let config = write_config(run)?;
    Ok(Turn::Started(Worker::start(run, &config, &beside(run, "log"), threads)?))
}

/// How far a run is, at which work is to begin: without a card that is not its own.
fn prepared(registry: &Registry, run: &PlannedRun) -> anyhow::Result<Standing> {
    let look = run.look(registry)?;
    if let Some(doubt) = look.doubt {
        note!("warning: {run}: {doubt}; it is measured again");
        run.remove_foreign_card(registry)?;
    }
    Ok(look.standing)
}

/// Makes one run in this process.
fn one(registry: &Registry, plan: &SweepPlan, task: usize) -> anyhow::Result<ExitCode> {
    let Some(run) = plan.runs().get(task - 1) else {
        bail!("--task {task}: expected 1 to {}, the runs of the sweep", plan.runs().len());
    };
    match prepared(registry, run)? {
        Standing::Finished => {
            say!("{run}: finished");
            return Ok(ExitCode::SUCCESS);
        }
        Standing::Running => {
            tell!("{run}: {ELSEWHERE}");
            return Ok(ExitCode::SUCCESS);
        }
        Standing::Absent | Standing::Unfinished | Standing::Failed => {}
    }
    SweepIndex::of(plan).write(plan.root())?;
    tell!("{run}");
    match train::run(&train::Arguments::to_the_end_of(write_config(run)?)) {
        // It has come between the look and the start.
        Err(_) if run.standing(registry).is_ok_and(|now| now == Standing::Running) => {
            tell!("{run}: {ELSEWHERE}");
            Ok(ExitCode::SUCCESS)
        }
        result => result,
    }
}

/// The runs with their numbers, standing and digests.
fn list(found: &[Found<'_>]) {
    let mut table = Table::new(["run", "standing", "config"]);
    for Found { run, standing } in found {
        table.push([run.id.clone(), standing.name().into(), run.digest()]);
    }
    say!("dry run: nothing is written\n{}", table.fitted(width()).trim_end());
    say!("{}", summary(found.iter().map(|found| found.standing)));
}

/// How many runs stand how, in a line.
pub(super) fn summary(standings: impl Iterator<Item = Standing>) -> String {
    const ALL: [Standing; 5] =
        [Standing::Finished, Standing::Running, Standing::Unfinished, Standing::Failed, Standing::Absent];
    let standings: Vec<Standing> = standings.collect();
    let count = |standing: Standing| standings.iter().filter(|own| **own == standing).count();
    let parts = ALL.into_iter().map(|standing| (count(standing), standing)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, standing)| format!("{count} {}", standing.name())).collect();
    format!("{}: {}", runs(standings.len()), parts.join(", "))
}

/// The last thing that a run said of what is wrong.
fn last_words(log: &Path) -> String {
    let text = worker::end_of(log).unwrap_or_default();
    let lines = || text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let found = lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next());
    short_line(found.unwrap_or("it said nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_estimated_by_whole_runs() {
        let seconds =
            |seconds: &[u64]| seconds.iter().map(|time| Duration::from_secs(*time)).collect::<Vec<_>>();
        assert_eq!(estimate(&seconds(&[20, 40]), 3, 2), ", about 1 min");
        assert_eq!(estimate(&[], 3, 2), "");
        assert_eq!(estimate(&seconds(&[20]), 0, 2), "");
    }

    #[test]
    fn standings_are_counted() {
        let standings = [Standing::Absent, Standing::Finished, Standing::Absent, Standing::Failed];
        assert_eq!(summary(standings.into_iter()), "4 runs: 1 finished, 1 failed, 2 not begun");
        assert_eq!(summary([Standing::Running].into_iter()), "1 run: 1 running");
    }

    #[test]
    fn the_reason_of_a_failure_is_its_last_error() {
        let scratch = tempfile::tempdir().unwrap();
        let log = scratch.path().join("seed1.log");
        assert_eq!(last_words(&log), "it said nothing");
        for (text, reason) in [("a\nb\n\n", "b"), ("error: one\nerror: two\nhint: three\n", "two")] {
            std::fs::write(&log, text).unwrap();
            assert_eq!(last_words(&log), reason);
        }
    }
}
