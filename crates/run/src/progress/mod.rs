//! How the work goes, on standard error (feature `progress`): live lines on a terminal, one a level (run, epoch, phase); dated lines
//! elsewhere, at least one a minute.

mod bars;
mod display;
mod level;
mod lines;
mod pace;
mod words;

use std::time::Instant;

use seqjepa_evaluation::one_line;
use seqjepa_train::observer::{Event, Observer, ObserverError};

use bars::Bars;
use level::Levels;
use lines::Lines;

pub use display::{above, dated, is_live, set_quiet};

/// Shows progress on standard error.
///
/// On a terminal there are live lines, elsewhere dated ones; after [`set_quiet`] nothing is shown. Whoever writes to the same terminal
/// meanwhile does so within [`above`].
#[derive(Debug)]
pub struct ProgressBars {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Live(Box<(Levels, Bars)>),
    Dated(Lines),
}

impl Default for ProgressBars {
    fn default() -> Self {
        Self::new()
    }
}

impl ProgressBars {
    /// Progress of work that is about to start.
    #[must_use]
    pub fn new() -> Self {
        let shown = if display::is_quiet() {
            Shown::Nothing
        } else if is_live() {
            Shown::Live(Box::new((Levels::new(Instant::now()), Bars::new())))
        } else {
            Shown::Dated(Lines::new())
        };
        Self { shown }
    }
}

impl Observer for ProgressBars {
    fn observe(&mut self, event: &Event) -> Result<(), ObserverError> {
        let now = Instant::now();
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Live(live) => {
                let (levels, bars) = &mut **live;
                levels.take(event, now);
                if let Some(said) = levels.said(event, now) {
                    // Names from files of others must not drive the terminal, nor pass for other lines.
                    bars.line(&one_line(&said));
                }
                bars.draw(levels, now);
            }
            Shown::Dated(lines) => lines.take(event, now),
        }
        Ok(())
    }
}
