//! The table of a sweep, of as many of its runs as are finished.

use seqjepa_evaluation::{MethodTable, ResultCard, SweptMethod};
use seqjepa_run::Registry;
use seqjepa_run::sweep::{PlannedRun, SweepPlan};
use seqjepa_train::storage::write_atomically;

use super::super::terminal::{note, say, width};

/// Prints the table and writes it with its pictures into the sweep's folder.
pub(super) fn write(registry: &Registry, plan: &SweepPlan) -> anyhow::Result<()> {
    let mut remarks = Vec::new();
    let data_sets = data_sets(registry, plan, &mut remarks);
    let table = MethodTable::new(data_sets).with_remarks(remarks);
    say!("\n{}", table.text(width()).trim_end());
    let [markdown, csv, picture, drawing] = SweepPlan::TABLES.map(|name| plan.root().join(name));
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

/// The methods of every data set in the plan's order, with a card for every seed that is finished; the gates that these failed become
/// remarks.
fn data_sets(
    registry: &Registry,
    plan: &SweepPlan,
    remarks: &mut Vec<String>,
) -> Vec<(String, Vec<SweptMethod>)> {
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
        let card = card(registry, run);
        let failed = card.as_ref().map(|_| run.failed_gates()).unwrap_or_default();
        if !failed.is_empty() {
            remarks.push(format!("{run}: gates failed: {}.", failed.join("; ")));
        }
        methods[at].cards.push(card);
    }
    data_sets
}

/// The card of a run that is finished.
fn card(registry: &Registry, run: &PlannedRun) -> Option<ResultCard> {
    let left_out = |why: String| note!("warning: {run} is left out: {why}");
    match run.look(registry) {
        Ok(look) => {
            look.doubt.into_iter().for_each(left_out);
            look.card
        }
        Err(error) => {
            left_out(error.to_string());
            None
        }
    }
}
