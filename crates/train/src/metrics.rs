//! One epoch's figures, in the order in which they are written.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The metrics of one epoch: one line of `metrics.jsonl`.
///
/// Serialises as one flat map, `epoch` first. A figure that is not finite (R2 of a constant target, say) is written as
/// JSON `null`, so that every line stays valid JSON, and reads back as NaN.
#[derive(Debug, Clone, Default)]
pub struct MetricsRow {
    /// The epoch, counted from 1.
    pub epoch: usize,
    values: Vec<(String, f64)>,
}

impl MetricsRow {
    /// An empty row of `epoch`, counted from 1.
    #[must_use]
    pub fn new(epoch: usize) -> Self {
        Self { epoch, values: Vec::new() }
    }

    /// Appends a figure, or replaces the one of that name.
    pub fn push(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.values.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.values.push((name, value)),
        }
    }

    /// The figure of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The row as a line of `metrics.jsonl`, its end included.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("a row is plain data");
        line.push(b'\n');
        line
    }

    /// Reads a line that [`to_line`](Self::to_line) made, every figure to its last bit; `serde_json` alone reads some to the
    /// last but one.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn from_line(line: &str) -> Result<Self, &'static str> {
        let inner = line.trim().strip_prefix('{').and_then(|line| line.strip_suffix('}'));
        let mut rest = inner.ok_or("expected a map in braces")?;
        let (mut row, mut epoch) = (Self::default(), None);
        while !rest.is_empty() {
            let mut names = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let name = names.next().and_then(Result::ok).ok_or("expected a name in quotes")?;
            let value =
                rest[names.byte_offset()..].trim_start().strip_prefix(':').ok_or("expected a colon")?;
            let (value, next) = value.split_once(',').unwrap_or((value, ""));
            let value = value.trim();
            match name.as_str() {
                "epoch" => epoch = Some(value.parse().map_err(|_| "expected a whole number as epoch")?),
                _ => row.push(name, figure(value).ok_or("expected a number or null")?),
            }
            rest = next.trim_start();
        }
        row.epoch = epoch.ok_or("expected an epoch")?;
        Ok(row)
    }

    /// Every figure but the epoch, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// A number or null, as JSON has them.
fn figure(text: &str) -> Option<f64> {
    if text == "null" {
        return Some(f64::NAN);
    }
    // What Rust reads beyond that, as `inf`, is no number of JSON.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

impl Serialize for MetricsRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len() + 1))?;
        map.serialize_entry("epoch", &self.epoch)?;
        for (name, value) in &self.values {
            map.serialize_entry(name, &value.is_finite().then_some(*value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MetricsRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = MetricsRow;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("a map of metrics with an `epoch`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetricsRow, A::Error> {
                let mut row = MetricsRow::default();
                let mut epoch = None;
                while let Some(name) = map.next_key::<String>()? {
                    if name == "epoch" {
                        epoch = Some(map.next_value()?);
                    } else {
                        row.push(name, map.next_value::<Option<f64>>()?.unwrap_or(f64::NAN));
                    }
                }
                row.epoch = epoch.ok_or_else(|| serde::de::Error::missing_field("epoch"))?;
                Ok(row)
            }
        }
        deserializer.deserialize_map(Row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_valid_json_and_keeps_its_order() {
        let mut row = MetricsRow::new(3);
        row.push("ep_loss", 0.5);
        row.push("online_r2_test", f64::NAN);
        row.push("ep_loss", 0.25);
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"epoch":3,"ep_loss":0.25,"online_r2_test":null}"#);
        let back: MetricsRow = serde_json::from_str(&json).unwrap();
        assert_eq!((back.epoch, back.get("ep_loss")), (3, Some(0.25)));
        assert!(back.get("online_r2_test").unwrap().is_nan());
    }

    #[test]
    fn a_line_reads_back_to_the_last_bit() {
        let mut row = MetricsRow::new(7);
        // Among them one that a fast reader misses by a bit.
        for (at, value) in
            [0.1 + 0.2, -0.0, 5e-324, f64::MAX, 1.0 / 3.0, 2.638_344_616_030_823e-256, f64::NAN, 12.0]
                .into_iter()
                .enumerate()
        {
            row.push(format!("a \"quoted\", {at}: name"), value);
        }
        let line = String::from_utf8(row.to_line()).unwrap();
        let read = MetricsRow::from_line(&line).unwrap();
        let bits = |row: &MetricsRow| -> Vec<(String, u64)> {
            row.iter().map(|(name, value)| (name.to_owned(), value.to_bits())).collect()
        };
        assert_eq!((read.epoch, bits(&read)), (7, bits(&row)));
        assert_eq!(read.to_line(), line.as_bytes());
        let spaced = MetricsRow::from_line(" { \"epoch\" : 2 , \"x\" : 1e-3 } ").unwrap();
        assert_eq!((spaced.epoch, spaced.get("x")), (2, Some(1e-3)));
        for bad in [
            "",
            "{}",
            "[1]",
            "{\"epoch\":1,\"x\":inf}",
            "{\"epoch\":1,\"x\":1e999}",
            "{\"epoch\":-1}",
            "{\"x\":1}",
            "{x:1}",
        ] {
            assert!(MetricsRow::from_line(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_row_without_an_epoch_is_refused() {
        assert!(serde_json::from_str::<MetricsRow>(r#"{"ep_loss":0.25}"#).is_err());
    }
}
