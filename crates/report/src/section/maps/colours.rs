//! By what the points of a map are coloured, classes aside.

use seqjepa_evaluation::EvaluationSample;

/// Steps of the colour scale of an action parameter.
const STEPS: usize = 9;
/// Action parameters that are offered.
pub(super) const PARAMETERS: usize = 24;

/// A parameter by which points are coloured.
pub(super) struct Coloured<'a> {
    pub(super) name: &'a str,
    pub(super) values: Vec<f64>,
    /// From the darkest colour to the lightest.
    pub(super) range: [f64; 2],
}

impl Coloured<'_> {
    /// The number of a value's colour.
    pub(super) fn step(&self, value: f64) -> usize {
        let [low, high] = self.range;
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step of the scale")]
        let step = (share * STEPS as f64).floor().clamp(0.0, (STEPS - 1) as f64) as usize;
        step
    }
}

/// The parameters of the relative action, as many as are offered.
pub(super) fn coloured(sample: &EvaluationSample) -> Vec<Coloured<'_>> {
    let parameters = sample.actions.parameters().iter().take(PARAMETERS).enumerate();
    let with_values = parameters.map(|(column, parameter)| {
        let values: Vec<f64> =
            (0..sample.len()).map(|row| f64::from(sample.relative.row(row)[column])).collect();
        Coloured { name: &parameter.name, range: middle(&values), values }
    });
    with_values.collect()
}

/// The range of all but the outermost fiftieth on either side: one outlier is not to take the colours of all others.
fn middle(values: &[f64]) -> [f64; 2] {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let edge = sorted.len() / 50;
    match (sorted.get(edge), sorted.get(sorted.len().saturating_sub(edge + 1))) {
        (Some(low), Some(high)) => [*low, *high],
        _ => [0.0, 0.0],
    }
}
