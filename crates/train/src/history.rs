//! The metrics of the epochs done, of which a checkpoint holds only where they end.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::metrics::MetricsRow;

/// How much of a file of metrics, one line an epoch, belongs to a checkpoint.
///
/// Its size does not depend on the number of epochs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HistoryPosition {
    /// Lines.
    pub lines: usize,
    /// Bytes of these lines.
    pub bytes: u64,
    /// SHA-256 of these bytes in hexadecimal; empty for none.
    pub sha256: String,
    /// The last of these lines: the file may lack it, since the checkpoint is written first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<MetricsRow>,
}

impl HistoryPosition {
    /// The bytes of all lines, if `found`, what a file of metrics begins with, holds those before the last; the last comes from
    /// the checkpoint.
    #[must_use]
    pub fn complete(&self, mut found: Vec<u8>) -> Option<Vec<u8>> {
        let last = self.last.as_ref().map(MetricsRow::to_line).unwrap_or_default();
        let before = usize::try_from(self.bytes.checked_sub(last.len() as u64)?).ok()?;
        if found.len() < before {
            return None;
        }
        found.truncate(before);
        found.extend(last);
        let same =
            (self.lines == 0 && found.is_empty()) || format!("{:x}", Sha256::digest(&found)) == self.sha256;
        same.then_some(found)
    }
}

/// The lines of a file of metrics as they are written, and their digest.
#[derive(Debug, Clone, Default)]
pub struct History {
    hash: Sha256,
    position: HistoryPosition,
}

impl History {
    /// The history of these rows.
    #[must_use]
    pub fn of(rows: &[MetricsRow]) -> Self {
        let mut history = Self::default();
        for row in rows {
            history.push(row);
        }
        history
    }

    /// Adds the line of an epoch.
    pub fn push(&mut self, row: &MetricsRow) {
        let line = row.to_line();
        self.hash.update(&line);
        self.position.lines += 1;
        self.position.bytes += line.len() as u64;
        self.position.last = Some(row.clone());
    }

    /// Where it ends.
    #[must_use]
    pub fn position(&self) -> HistoryPosition {
        let sha256 = if self.position.lines == 0 {
            String::new()
        } else {
            format!("{:x}", self.hash.clone().finalize())
        };
        HistoryPosition { sha256, ..self.position.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> MetricsRow {
        let mut row = MetricsRow::new(epoch);
        row.push("ep_loss", 1.0 / epoch as f64);
        row
    }

    #[test]
    fn a_file_is_held_against_the_digest_and_its_last_line_completed() {
        let rows: Vec<_> = (1..=3).map(row).collect();
        let position = History::of(&rows).position();
        let whole: Vec<u8> = rows.iter().flat_map(MetricsRow::to_line).collect();
        assert_eq!((position.lines, position.bytes), (3, whole.len() as u64));
        let two = whole.len() - rows[2].to_line().len();
        // With lines of a later epoch, without the last, with half of it.
        let longer = [whole.clone(), row(4).to_line()].concat();
        for found in [&whole, &longer, &whole[..two].to_vec(), &whole[..two + 5].to_vec()] {
            assert_eq!(position.complete(found.clone()).as_ref(), Some(&whole));
        }
        let mut damaged = whole.clone();
        damaged[two / 2] ^= 1;
        for found in [vec![], whole[..two - 1].to_vec(), damaged] {
            assert!(position.complete(found).is_none());
        }
        assert_eq!(HistoryPosition::default().complete(whole), Some(vec![]));
    }

    #[test]
    fn a_position_that_somebody_has_made_up_is_not_believed() {
        for (lines, bytes) in [(1, 0), (0, 5), (3, u64::MAX)] {
            let position = HistoryPosition { lines, bytes, last: Some(row(1)), ..HistoryPosition::default() };
            assert!(position.complete(row(1).to_line()).is_none());
        }
    }
}
