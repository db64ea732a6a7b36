//! The nearest rows of a row.

use seqjepa_evaluation::SampleTable;

/// The `count` rows of greatest cosine with row `query`, nearest first, the row itself left out; among equals the earlier.
pub(crate) fn nearest(table: &SampleTable, query: usize, count: usize) -> Vec<(usize, f64)> {
    let length = |row: &[f32]| row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let own = table.row(query);
    let own_length = length(own);
    let cosine = |row: &[f32]| {
        let product: f64 = row.iter().zip(own).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let lengths = length(row) * own_length;
        if lengths > 0.0 { product / lengths } else { 0.0 }
    };
    let others = (0..table.rows()).filter(|row| *row != query).map(|row| (row, cosine(table.row(row))));
    let mut others: Vec<(usize, f64)> = others.filter(|(_, cosine)| cosine.is_finite()).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1));
    others.truncate(count);
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_ties_in_order() {
        let table = SampleTable {
            width: 2,
            values: vec![1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 1.0, 1.0, 3.0, 0.0, 0.0, 0.0],
        };
        let found: Vec<usize> = nearest(&table, 0, 4).into_iter().map(|(row, _)| row).collect();
        assert_eq!(found, [2, 4, 3, 1]);
    }
}
