//! The logs of trackers, which a run goes on with.

use seqjepa_tracking::tensorboard::EventLog;
use seqjepa_tracking::wandb::{OfflineRun, Row, RunDescription, RunId};
use seqjepa_tracking::{LocalFolder, Timestamp};

use crate::{Mode, scratch};

/// Switches: 0 the bytes are a W&B log, in place of TensorBoard's events; 1 they are one record, framed here, so that what is inside
/// is fuzzed too; 2 nothing that is there is kept.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = Mode::split(data) else { return };
    let keep = !mode.has(2);
    if mode.has(0) { wandb(mode, rest, keep) } else { tensorboard(mode, rest, keep) }
}

fn tensorboard(mode: Mode, rest: &[u8], keep: bool) {
    let bytes = if mode.has(1) { event(rest) } else { rest.to_vec() };
    let path = scratch::write("tracking/events.out.tfevents.0000000001.log", &bytes);
    let folder = path.parent().expect("a file in a folder");
    let resume = |place: &LocalFolder, now: u64, keep: bool| {
        let mut found = Vec::new();
        let log = EventLog::resume(place, Timestamp::new(now, 0), 5, |logged| {
            let scalar = logged.tags().next().and_then(|tag| logged.scalar(tag));
            found.push((logged.step(), scalar.map(f32::to_bits)));
            keep
        });
        (log.expect("a log goes on"), found)
    };
    let place = LocalFolder::at(folder);
    let (mut log, found) = resume(&place, 1, keep);
    log.scalars(5, Timestamp::new(1, 0), [("more", 1.0)]).expect("a writable folder");
    drop(log);
    let (log, again) = resume(&place, 1, true);
    drop(log);
    let kept = if keep { found.len() } else { 0 };
    assert_eq!((again.len(), &again[..kept]), (kept + 1, &found[..kept]));
    std::fs::remove_dir_all(folder).expect("a writable folder");
}

fn wandb(mode: Mode, rest: &[u8], keep: bool) {
    let name = "offline-run-1-abc";
    let bytes = if mode.has(1) { log(rest) } else { rest.to_vec() };
    let path = scratch::write(&format!("tracking/{name}/run-abc.wandb"), &bytes);
    let root = path.parent().and_then(|folder| folder.parent()).expect("a file in two folders");
    let description = RunDescription::new(RunId::new("abc").expect("a plain name"), "fuzz");
    let resume = |keep: bool| {
        let mut found = Vec::new();
        let place = LocalFolder::at(root);
        let run = OfflineRun::resume(place, name, &description, Timestamp::new(1, 0), |row| {
            found.push(row.names().map(str::to_owned).collect::<Vec<_>>());
            keep
        });
        run.map(|run| (run, found))
    };
    match resume(keep) {
        Ok((mut run, found)) => {
            run.log(&Row::new().with("more", 1.0), Timestamp::new(2, 0)).expect("a writable folder");
            run.finish(0, Timestamp::new(3, 0)).expect("a writable folder");
            let (_, again) = resume(true).expect("what was written is read");
            // Rows before a run is described are no run's.
            assert!(again.len() == found.len() + 1 || again.len() == 1, "{found:?} {again:?}");
        }
        Err(error) => assert!(error.to_string().contains("not a W&B log"), "{error}"),
    }
    std::fs::remove_dir_all(root).expect("a writable folder");
}

/// One record of an event file.
fn event(data: &[u8]) -> Vec<u8> {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// A log of one record.
fn log(data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(30_000)];
    let checksum = crc32fast::hash(&[&[1], data].concat()).to_le_bytes();
    let length = (data.len() as u16).to_le_bytes();
    [b":W&B\xe1\xbe\x00", &checksum[..], &length, &[1], data].concat()
}
