//! Live lines on a terminal.

use std::io::Write;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::display::{LIVE, above};
use super::level::{Levels, Line};

/// Columns of a terminal that does not say how many it has.
const USUAL: usize = 80;

/// From this width on there is room for a bar beside the words.
const ROOM_FOR_BAR: usize = 60;

/// One live line a level: they come with the level and go with it.
#[derive(Debug)]
pub(super) struct Bars {
    levels: [Option<ProgressBar>; 3],
    /// Whether a thread may be had to move them.
    moves: bool,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self { levels: [None, None, None], moves: std::thread::Builder::new().spawn(|| {}).is_ok() }
    }

    /// Draws what is under way.
    pub(super) fn draw(&mut self, levels: &Levels, now: Instant) {
        for (number, line) in levels.lines(now).into_iter().enumerate() {
            let Some(line) = line else {
                self.remove(number);
                continue;
            };
            match &self.levels[number] {
                Some(bar) => show(bar, &line),
                None => self.levels[number] = Some(insert(number, &line, self.moves)),
            }
        }
    }

    /// Prints a line above the live ones.
    pub(super) fn line(&self, text: &str) {
        above(|| {
            // Nothing can be done about a closed standard error.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    fn remove(&mut self, number: usize) {
        if let Some(bar) = self.levels[number].take() {
            bar.finish_and_clear();
            LIVE.remove(&bar);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        (0..self.levels.len()).for_each(|number| self.remove(number));
    }
}

/// Adds a line below those of the levels above.
fn insert(number: usize, line: &Line, moves: bool) -> ProgressBar {
    let columns = Term::stderr().size_checked().map_or(USUAL, |(_, columns)| columns.into());
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden())
        .with_style(style(columns, number));
    show(&bar, line);
    // The levels come from the top down.
    let bar = LIVE.insert(number, bar);
    if moves && number == PHASE {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// The level that something moves on.
const PHASE: usize = 2;

fn style(columns: usize, number: usize) -> ProgressStyle {
    let bar = if columns >= ROOM_FOR_BAR {
        format!(" {{bar:{}}}", ((columns - 40) / 4).clamp(8, 24))
    } else {
        String::new()
    };
    let spinner = if number == PHASE { "{spinner}" } else { " " };
    let template = format!("{spinner} {{prefix}}{bar} {{wide_msg}}");
    ProgressStyle::with_template(&template).expect("the template is well formed").progress_chars("=> ")
}

fn show(bar: &ProgressBar, line: &Line) {
    if bar.prefix().trim_end() != line.name {
        // One column of names.
        bar.set_prefix(format!("{:<15}", line.name));
    }
    bar.set_length(line.total.max(line.done));
    bar.set_position(line.done);
    bar.set_message(line.text.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_any_terminal() {
        for columns in [1, 40, 60, 80, 200] {
            (0..3).for_each(|number| drop(style(columns, number)));
        }
    }
}
