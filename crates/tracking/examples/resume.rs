//! A run that is killed and goes on from its last checkpoint: every step is in both logs once.
//!
//! `cargo run -p seqjepa-tracking --example resume [FOLDER]`

use seqjepa_tracking::tensorboard::EventLog;
use seqjepa_tracking::wandb::{OfflineRun, Row, RunDescription, RunId};
use seqjepa_tracking::{LocalFolder, Timestamp, TrackingError};

/// Logs the steps from `first` to before `end`.
fn train(events: &mut EventLog, run: &mut OfflineRun, first: u32, end: u32) -> Result<(), TrackingError> {
    for step in first..end {
        let (now, loss) = (Timestamp::now(), (-0.05 * f64::from(step)).exp());
        events.scalars(step.into(), now, [("loss", loss)])?;
        run.log(&Row::new().with("step", step.into()).with("loss", loss), now)?;
    }
    events.flush()?;
    run.flush()
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), TrackingError> {
    let folder = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("tracked"), Into::into);
    let (tensorboard, wandb) =
        (LocalFolder::at(folder.join("tensorboard")), LocalFolder::at(folder.join("wandb")));
    let description = RunDescription::new(RunId::new("4kx81b2m")?, "resume 1.0");

    let mut events = EventLog::create(&tensorboard, Timestamp::now())?;
    let mut run = OfflineRun::create(wandb.clone(), &description, Timestamp::now())?.along("step");
    let name = run.folder().to_owned();
    train(&mut events, &mut run, 0, 40)?;
    // It ends without a word, 10 steps after its last checkpoint.
    drop((events, run));

    let checkpoint = 30;
    let mut events =
        EventLog::resume(&tensorboard, Timestamp::now(), checkpoint, |logged| logged.step() < checkpoint)?;
    let mut run = OfflineRun::resume(wandb, &name, &description, Timestamp::now(), |row| {
        row.figure("step").is_some_and(|step| step < f64::from(30))
    })?
    .along("step");
    train(&mut events, &mut run, 30, 60)?;
    run.finish(0, Timestamp::now())?;
    println!("tensorboard --logdir {}", folder.display());
    println!("wandb sync {}", folder.join("wandb").join(name).display());
    Ok(())
}
