//! The table of a sweep, of as many of its runs as are finished.

use seqjepa_evaluation::{MethodTable, ResultCard, SweptMethod};
use seqjepa_run::RunFolder;
use seqjepa_run::sweep::{PlannedRun, Standing, SweepPlan, standing_of};
use seqjepa_train::storage::write_atomically;

use super::super::terminal::{note, say, width};

/// Prints the table and writes it with its pictures into the sweep's folder.
pub(super) fn write(plan: &SweepPlan) -> anyhow::Result<()> {
    let table = MethodTable::new(data_sets(plan));
    say!("\n{}", table.text(width()).trim_end());
    let [markdown, csv, picture, drawing] =
        ["table.md", "table.csv", "methods.png", "methods.svg"].map(|name| plan.root().join(name));
    write_atomically(&markdown, table.markdown().as_bytes())?;
    write_atomically(&csv, table.csv().as_bytes())?;
    let plot = table.scatter();
    plot.save(&picture)?;
    plot.save(&drawing)?;
    for (what, file) in [
        ("the table", &markdown),
        ("one line a figure", &csv),
        ("top-1 against R2", &picture),
        ("the same as a drawing", &drawing),
    ] {
        say!("{what}: {}", file.display());
    }
    Ok(())
}

/// The methods of every data set in the plan's order, with a card for every seed that is finished.
fn data_sets(plan: &SweepPlan) -> Vec<(String, Vec<SweptMethod>)> {
    let mut data_sets: Vec<(String, Vec<SweptMethod>)> = Vec::new();
    for run in plan.runs() {
        let at = data_sets.iter().position(|(name, _)| *name == run.data_set).unwrap_or_else(|| {
            data_sets.push((run.data_set.clone(), Vec::new()));
            data_sets.len() - 1
        });
        let methods = &mut data_sets[at].1;
        let at = methods.iter().position(|method| method.name == run.method).unwrap_or_else(|| {
            methods.push(SweptMethod { name: run.method.clone(), cards: Vec::new() });
            methods.len() - 1
        });
        methods[at].cards.push(card(run));
    }
    data_sets
}

/// The card of a run that is finished.
fn card(run: &PlannedRun) -> Option<ResultCard> {
    if standing_of(run.folder()) != Standing::Finished {
        return None;
    }
    match ResultCard::load(&RunFolder::at(run.folder()).evaluation()) {
        Ok(card) => Some(card),
        Err(error) => {
            note!("warning: {run} is left out: {error}");
            None
        }
    }
}
