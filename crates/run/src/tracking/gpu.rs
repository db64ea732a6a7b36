use std::ffi::OsString;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use seqjepa_tracking::wandb::GpuFigures;

/// What the driver's program is asked for, in the order in which it is read.
const QUERY: &str = "--query-gpu=index,utilization.gpu,utilization.memory,memory.used,memory.total,temperature.gpu,power.draw";
/// A program that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of its answer that are read.
const ANSWER: u64 = 4096;

/// Asks the driver's program how busy a GPU is, beside the training: whoever asks never waits. It is given up, without a word, once it
/// fails.
#[derive(Debug)]
pub(super) struct GpuWatch {
    asks: SyncSender<()>,
    answers: Receiver<GpuFigures>,
}

impl GpuWatch {
    /// Watches the GPU that `nvidia-smi -i` calls `gpu`.
    pub(super) fn new(gpu: &str) -> Option<Self> {
        Self::with("nvidia-smi".into(), gpu.to_owned(), LIMIT)
    }

    fn with(program: OsString, gpu: String, limit: Duration) -> Option<Self> {
        let ((asks, asked), (answer, answers)) = (sync_channel(1), sync_channel(1));
        let watch = move || {
            while asked.recv().is_ok() {
                let wanted = || asked.try_recv() != Err(TryRecvError::Disconnected);
                let Some(figures) = ask(&program, &gpu, limit, wanted) else { return };
                if answer.send(figures).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("gpu-figures".into()).spawn(watch).ok()?;
        Some(Self { asks, answers })
    }

    /// Asks once more, unless the last answer is still to come.
    pub(super) fn ask(&self) {
        // One that was given up hears nothing.
        let _ = self.asks.try_send(());
    }

    /// What was answered since the last call.
    pub(super) fn answer(&self) -> Option<GpuFigures> {
        self.answers.try_recv().ok()
    }
}

/// Bytes of the memory of the GPU that `nvidia-smi -i` calls `gpu`: those that are used, where that is known, and all. Waits for the
/// program.
pub(crate) fn memory(gpu: &str) -> Option<(Option<u64>, u64)> {
    let figures = ask(&"nvidia-smi".into(), gpu, LIMIT, || true)?;
    Some((figures.memory_used.map(whole), whole(figures.memory_total?)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole mebibytes; saturates")]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

/// The answer of the program, if it gives a good one in time and for as long as that is `wanted`.
fn ask(program: &OsString, gpu: &str, limit: Duration, wanted: impl Fn() -> bool) -> Option<GpuFigures> {
    let mut child = Command::new(program)
        .args([QUERY, "--format=csv,noheader,nounits", "-i", gpu])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < limit && wanted() => thread::sleep(Duration::from_millis(20)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut text = String::new();
    child.stdout.take()?.take(ANSWER).read_to_string(&mut text).ok()?;
    status.success().then(|| read(&text)).flatten()
}

/// The figures of a line, or nothing if it is no line of figures.
fn read(text: &str) -> Option<GpuFigures> {
    let fields: Vec<&str> = text.lines().next()?.split(',').map(str::trim).collect();
    let [index, figures @ ..] = fields.as_slice() else { return None };
    let figures = figures.iter().map(|field| figure(field)).collect::<Option<Vec<_>>>()?;
    let [busy_percent, memory_busy_percent, used, total, temperature, power] = figures.try_into().ok()?;
    let bytes = |mebibytes: f64| mebibytes * f64::from(1 << 20);
    Some(GpuFigures {
        index: index.parse().ok()?,
        busy_percent,
        memory_busy_percent,
        memory_used: used.map(bytes),
        memory_total: total.map(bytes),
        temperature,
        power,
    })
}

/// A figure, none where the GPU has none (`[N/A]`, `[Not Supported]`); nothing if it is neither.
fn figure(field: &str) -> Option<Option<f64>> {
    if field == "N/A" || field.starts_with('[') && field.ends_with(']') {
        return Some(None);
    }
    field.parse().ok().filter(|value: &f64| value.is_finite()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_anything_else_is_not() {
        let figures = read("3, 87, 41, 1024, 4096, 61, 250.50\n").unwrap();
        let expected = GpuFigures {
            index: 3,
            busy_percent: Some(87.0),
            memory_busy_percent: Some(41.0),
            memory_used: Some(f64::from(1 << 30)),
            memory_total: Some(f64::from(4 << 20) * 1024.0),
            temperature: Some(61.0),
            power: Some(250.5),
        };
        assert_eq!(figures, expected);
        let partly = read("0, [N/A], [Not Supported], N/A, 4096, [Unknown Error], 9").unwrap();
        assert_eq!((partly.busy_percent, partly.memory_used, partly.temperature), (None, None, None));
        assert_eq!((partly.power, partly.memory_total), (Some(9.0), expected.memory_total));
        for garbage in [
            "",
            "No devices were found",
            "0, 1, 2, 3, 4, 5",
            "0, 1, 2, 3, 4, 5, 6, 7",
            "x, 1, 2, 3, 4, 5, 6",
            "0, 1 %, 2, 3, 4, 5, 6",
            "0, NaN, 2, 3, 4, 5, 6",
        ] {
            assert_eq!(read(garbage), None, "{garbage}");
        }
    }

    #[cfg(unix)]
    mod programs {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        use std::path::Path;

        use super::*;

        fn watch(folder: &Path, script: &str, limit: Duration) -> GpuWatch {
            let path = folder.join("nvidia-smi");
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            GpuWatch::with(path.into(), "GPU-1".into(), limit).unwrap()
        }

        #[test]
        fn the_program_is_asked_for_the_gpu_again_and_again() {
            let scratch = tempfile::tempdir().unwrap();
            let seen = scratch.path().join("seen");
            let script = format!("echo \"$@\" >> '{}'; echo '2, 5, 6, 7, 8, 9, [N/A]'", seen.display());
            let watch = watch(scratch.path(), &script, Duration::from_secs(60));
            for asked in 1..=2 {
                watch.ask();
                let figures = watch.answers.recv().unwrap();
                assert_eq!((figures.index, figures.busy_percent, figures.power), (2, Some(5.0), None));
                let seen = fs::read_to_string(&seen).unwrap();
                assert_eq!(seen.lines().count(), asked);
                assert!(seen.lines().all(|line| line.ends_with("nounits -i GPU-1")), "{seen}");
            }
            assert_eq!(watch.answer(), None);
        }

        #[test]
        fn one_that_fails_hangs_says_nonsense_or_is_not_there_is_given_up() {
            let scratch = tempfile::tempdir().unwrap();
            let long = Duration::from_secs(60);
            let absent = GpuWatch::with(scratch.path().join("none").into(), "0".into(), long).unwrap();
            let mut watches = vec![absent];
            for (name, script, limit) in [
                ("a", "echo '0, 1, 2, 3, 4, 5, 6'; exit 1", long),
                ("b", "echo nonsense", long),
                ("c", "echo '0, 1, 2, 3, 4, 5, 6'; exec sleep 1000", Duration::from_millis(100)),
            ] {
                let folder = scratch.path().join(name);
                fs::create_dir(&folder).unwrap();
                watches.push(watch(&folder, script, limit));
            }
            for watch in watches {
                watch.ask();
                // Its end, without an answer.
                assert!(watch.answers.recv().is_err());
                watch.ask();
                assert_eq!(watch.answer(), None);
            }
        }

        #[test]
        fn a_program_that_hangs_ends_with_the_watch() {
            let scratch = tempfile::tempdir().unwrap();
            let pid = scratch.path().join("pid");
            let script = format!("echo $$ > '{0}.part'; mv '{0}.part' '{0}'; exec sleep 1000", pid.display());
            let watch = watch(scratch.path(), &script, Duration::from_secs(1000));
            watch.ask();
            let read = || fs::read_to_string(&pid).unwrap_or_default();
            while read().is_empty() {
                thread::sleep(Duration::from_millis(10));
            }
            drop(watch);
            let alive = || Command::new("kill").args(["-0", read().trim()]).stderr(Stdio::null()).status();
            while alive().unwrap().success() {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
