//! A whole run from a program of one's own: a config, a run folder, training, the frozen evaluation, and an observer that hears
//! of everything that happens.
//!
//! ```text
//! cargo run --release --example run
//! ```

use std::path::Path;

use seqjepa::prelude::*;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), RunError> {
    // Any key of docs/configuration.md, in the file or as `section.key=value`.
    let overrides = ["run.name=example", "run.epochs=2", "run.max_steps=10", "optim.warmup_epochs=0"];
    let config = Config::load(Path::new("configs/quickstart.yaml"), &overrides)?;

    // Bars on a terminal, and something of one's own: an error of it would end the run.
    let losses = |event: &Event<'_>| {
        if let Event::StepLogged { step, loss, .. } = event {
            println!("step {step}: loss {loss:.4}");
        }
        Ok(())
    };
    let mut observers = Observers::new().with(ProgressBars::new()).with(losses);

    let mut run = Run::start(config, &mut observers)?;
    let verdict = run.train(&mut observers)?;
    assert!(verdict.passed, "this config has no gates");
    let card = run.evaluate(&mut observers)?;
    println!("{}", results_table(run.rows().last(), &card));
    println!("everything is in {}", run.folder().root().display());
    Ok(())
}
