//! Representations as points in the plane.

mod neighbours;
mod tsne;
mod umap;

pub(crate) use neighbours::nearest;
pub(crate) use tsne::tsne;
pub(crate) use umap::umap;

use seqjepa_evaluation::SampleTable;
use seqjepa_probes::{Features, principal_components};

/// Three maps of one representation: points `[x, y]`, in no unit.
#[derive(Debug, Clone)]
pub(crate) struct Maps {
    /// On the two principal components.
    pub(crate) principal: Vec<[f64; 2]>,
    /// Their shares of the variance.
    pub(crate) shares: [f64; 2],
    /// By t-SNE, which keeps neighbours together and no distances.
    pub(crate) tsne: Vec<[f64; 2]>,
    /// By UMAP, which keeps neighbours together and more of how groups stand to each other.
    pub(crate) umap: Vec<[f64; 2]>,
}

/// Maps of the rows of a table; why there are none, if there are none. The same bits at any number of threads.
pub(crate) fn maps(table: &SampleTable) -> Result<Maps, String> {
    let features = Features::new(&table.values, table.width).map_err(|error| error.to_string())?;
    if features.samples() < 4 {
        return Err(format!("expected at least 4 sequences, found {}", features.samples()));
    }
    let found = principal_components(&features, 2).map_err(|error| error.to_string())?;
    let pair = |values: &[f64]| [values[0], values.get(1).copied().unwrap_or(0.0)];
    let principal: Vec<[f64; 2]> = found.coordinates.chunks_exact(found.components).map(pair).collect();
    let unit = normalized(table);
    Ok(Maps {
        tsne: tsne(&unit, table.width, &principal),
        umap: umap(&unit, table.width, &principal),
        shares: pair(&found.shares),
        principal,
    })
}

/// Rows of length 1; a row of zeros stays one.
fn normalized(table: &SampleTable) -> Vec<f64> {
    let unit = |row: &[f32]| {
        let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let scale = if length > 0.0 { length.recip() } else { 0.0 };
        row.iter().map(move |value| f64::from(*value) * scale).collect::<Vec<_>>()
    };
    table.values.chunks_exact(table.width).flat_map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clusters in ten dimensions.
    fn clusters(rows: usize) -> SampleTable {
        let value = |index: usize| {
            let (row, column) = (index / 10, index % 10);
            let noise = ((index * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
            f32::from(u8::from(column % 3 == row % 3)) + 0.2 * noise
        };
        SampleTable { width: 10, values: (0..rows * 10).map(value).collect() }
    }

    #[test]
    fn neighbours_stay_together_at_any_number_of_threads() {
        let table = clusters(90);
        let with = |threads: usize| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| maps(&table).unwrap())
        };
        let [one, three] = [with(1), with(3)];
        assert_eq!(one.principal, three.principal);
        assert_eq!(one.tsne, three.tsne);
        assert_eq!(one.umap, three.umap);
        for map in [&one.principal, &one.tsne, &one.umap] {
            let mut alike = 0;
            for (index, point) in map.iter().enumerate() {
                let distance =
                    |other: &[f64; 2]| (point[0] - other[0]).powi(2) + (point[1] - other[1]).powi(2);
                let others = map.iter().enumerate().filter(|(other, _)| *other != index);
                let (nearest, _) = others.min_by(|a, b| distance(a.1).total_cmp(&distance(b.1))).unwrap();
                alike += usize::from(nearest % 3 == index % 3);
            }
            assert!(alike > 85, "{alike} of 90");
        }
    }

    #[test]
    fn what_cannot_be_mapped_says_why() {
        assert!(maps(&SampleTable { width: 2, values: vec![f32::NAN; 20] }).is_err());
        assert!(maps(&clusters(3)).unwrap_err().contains("at least 4"));
        // All alike.
        let constant = maps(&SampleTable { width: 3, values: vec![1.0; 60] }).unwrap();
        assert!(constant.tsne.iter().chain(&constant.umap).flatten().all(|value| value.is_finite()));
    }
}
