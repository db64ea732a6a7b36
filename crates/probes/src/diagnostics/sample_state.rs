//! A feature sample in a checkpoint.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use seqjepa_nn::StateDict;

use super::sample::FeatureSample;
use crate::state::StateError;

impl FeatureSample {
    /// What it holds, for an exact resume in the middle of an epoch: `seen`, `keys` and `rows`.
    #[must_use]
    pub fn state_dict(&self) -> StateDict {
        let seen = i64::from_ne_bytes(self.seen.to_ne_bytes());
        let keys: Vec<i64> = self.kept.keys().flat_map(|(a, b)| [a.cast_signed(), b.cast_signed()]).collect();
        let rows: Vec<f32> = self.kept.values().flatten().copied().collect();
        let width = self.kept.values().next().map_or(0, Vec::len);
        vec![
            ("seen".to_owned(), TensorData::new(vec![seen], [1])),
            ("keys".to_owned(), TensorData::new(keys, [self.kept.len(), 2])),
            ("rows".to_owned(), TensorData::new(rows, [self.kept.len(), width])),
        ]
    }

    /// Takes over what [`state_dict`](Self::state_dict) of a sample of the same sizes returned.
    ///
    /// # Errors
    ///
    /// If entries are missing, unknown, or of the wrong shape or type; nothing is changed then.
    pub fn load_state_dict(&mut self, entries: StateDict) -> Result<(), StateError> {
        let known = ["seen", "keys", "rows"];
        if let Some((name, _)) = entries.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(StateError::new(name, "no such entry is known"));
        }
        let entry = |wanted: &str| {
            let found = entries.iter().find(|(name, _)| name == wanted);
            found.map(|(_, data)| data).ok_or_else(|| StateError::new(wanted, "is missing"))
        };
        let integers = |name: &str| -> Result<&[i64], StateError> {
            entry(name)?.as_slice::<i64>().map_err(|_| StateError::new(name, "expected I64"))
        };
        let rows = entry("rows")?.as_slice::<f32>().map_err(|_| StateError::new("rows", "expected F32"))?;
        let [seen] = integers("seen")? else { return Err(StateError::new("seen", "expected one number")) };
        let keys = integers("keys")?;
        let count = keys.len() / 2;
        let record = self.views * self.width;
        let each = rows.len().checked_div(count).unwrap_or(0);
        let fits = count == 0 && rows.is_empty() || count > 0 && (each == record || each == 2 * record);
        if keys.len() != 2 * count || rows.len() != count * each || !fits || count > self.capacity {
            return Err(StateError::new("rows", "does not fit this sample's sizes"));
        }
        let kept: BTreeMap<(u64, u64), Vec<f32>> = keys
            .chunks_exact(2)
            .zip(rows.chunks_exact(each.max(1)))
            .map(|(key, row)| ((key[0].cast_unsigned(), key[1].cast_unsigned()), row.to_vec()))
            .collect();
        self.kept = kept;
        self.seen = seen.cast_unsigned();
        Ok(())
    }
}
