//! `metrics.jsonl`, line by line.

use std::io::{BufRead, BufReader, Read};

use seqjepa_train::MetricsRow;
use seqjepa_train::storage::Folder;

use super::curve::Curve;

/// Most different figures, and the longest name of one.
const FIGURES: [usize; 2] = [400, 120];
/// Most bytes of a line, and of the file.
const LINE: u64 = 1 << 20;
const FILE: u64 = 16 << 30;

/// The figures of all epochs, in the order in which they first appear.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) curves: Vec<(String, Curve)>,
    /// The last whole line.
    pub(crate) last: Option<MetricsRow>,
    /// Epochs that were read.
    pub(crate) epochs: usize,
    /// What could not be read.
    pub(crate) notes: Vec<String>,
    /// Seconds of all epochs together: on the training split, and in all.
    pub(crate) times: Option<[f64; 2]>,
}

impl Metrics {
    /// Reads the file in a folder; why not, if it is not there.
    pub(crate) fn read(folder: &Folder, name: &str) -> Result<Self, String> {
        let file = folder.open(name, FILE).map_err(|error| error.source.to_string())?;
        let mut lines = BufReader::new(file);
        let mut metrics = Self::default();
        let (mut bad, mut beyond) = (0_usize, 0_usize);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read =
                (&mut lines).take(LINE).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                break;
            }
            // The rest of a line that is too long is a line of its own, which is none either.
            match std::str::from_utf8(&line).ok().and_then(|line| MetricsRow::from_line(line).ok()) {
                Some(row) => beyond += metrics.add(row),
                None => bad += 1,
            }
        }
        if bad > 0 {
            metrics.notes.push(format!(
                "{bad} {} of metrics.jsonl could not be read: a run that was killed leaves half a line, which a resume completes",
                if bad == 1 { "line" } else { "lines" }
            ));
        }
        if beyond > 0 {
            metrics.notes.push(format!("figures beyond the first {} are not shown", FIGURES[0]));
        }
        Ok(metrics)
    }

    /// Returns how many figures there was no room for.
    fn add(&mut self, row: MetricsRow) -> usize {
        let mut beyond = 0;
        let epoch = row.epoch as f64;
        for (place, (name, value)) in row.iter().enumerate() {
            // Lines have their figures in one order.
            let known = match self.curves.get(place) {
                Some((known, _)) if known == name => Some(place),
                _ => self.curves.iter().position(|(known, _)| known == name),
            };
            match known {
                Some(index) => self.curves[index].1.push(epoch, value),
                None if self.curves.len() < FIGURES[0] && name.len() <= FIGURES[1] => {
                    let mut curve = Curve::default();
                    curve.push(epoch, value);
                    self.curves.push((name.to_owned(), curve));
                }
                None => beyond += 1,
            }
        }
        if let (Some(train), Some(epoch)) = (row.get("train_time"), row.get("ep_time")) {
            let times = self.times.get_or_insert([0.0; 2]);
            times[0] += train;
            times[1] += epoch;
        }
        self.epochs += 1;
        self.last = Some(row);
        beyond
    }

    /// The curve of a figure.
    pub(crate) fn curve(&self, name: &str) -> Option<&Curve> {
        self.curves.iter().find(|(known, _)| known == name).map(|(_, curve)| curve)
    }

    /// The last value of a figure.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.last.as_ref()?.get(name).filter(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metrics {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("m"), text).unwrap();
        Metrics::read(&Folder::at(scratch.path()), "m").unwrap()
    }

    #[test]
    fn half_a_line_is_told_and_the_rest_is_read() {
        let metrics = read(
            "{\"epoch\":1,\"a\":1.5,\"train_time\":1,\"ep_time\":2}\n{\"epoch\":2,\"a\":0.5,\"b\":null,\"train_time\":3,\"ep_time\":4}\n{\"epoch\":3,\"a\":0",
        );
        assert_eq!((metrics.epochs, metrics.times), (2, Some([4.0, 6.0])));
        assert_eq!(metrics.curve("a").unwrap().points(100), [(1.0, 1.5), (2.0, 0.5)]);
        assert_eq!((metrics.value("a"), metrics.value("b")), (Some(0.5), None));
        assert!(metrics.notes[0].starts_with("1 line"), "{:?}", metrics.notes);
    }

    #[test]
    fn figures_and_names_are_bounded() {
        let many: Vec<String> = (0..1000).map(|index| format!("\"f{index}\":1")).collect();
        let metrics =
            read(&format!("{{\"epoch\":1,{}}}\n{{\"epoch\":2,\"{}\":1}}\n", many.join(","), "n".repeat(500)));
        assert_eq!((metrics.curves.len(), metrics.epochs), (400, 2));
        assert!(metrics.notes[0].contains("first 400"));
        assert_eq!(read(&"x".repeat(3 << 20)).epochs, 0);
    }
}
