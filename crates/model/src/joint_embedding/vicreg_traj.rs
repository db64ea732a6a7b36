//! VICReg with straight trajectories (the baseline of the seq-JEPA paper, after Wang, Chen & Yu 2024, arXiv 2403.14973).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_nn::{InitRng, Mode};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::projector::{Projector, last};
use super::traits::{Embedded, JointEmbedding};
use super::variance_covariance::covariance_memory;
use super::vicreg::{END, vicreg_terms};
use crate::any_encoder::{AnyEncoder, EncoderConfig};
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::LayerMemory;
use crate::limits::{parameters, weight};
use crate::loss::cosine_distance;
use crate::method::{MethodConfig, SequenceInput, ViewsUsed};

/// Configuration of [`VicRegTraj`]; the default is that of the seq-JEPA paper's tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VicRegTrajConfig {
    /// Outputs of the projector's linear maps. Default: 2048, 2048, 2048.
    pub projector: Vec<usize>,
    /// Weight of the mean squared difference of the first two embeddings. Default: 25.
    pub invariance_weight: f64,
    /// Weight of the variance term. Default: 25.
    pub variance_weight: f64,
    /// Weight of the covariance term. Default: 1.
    pub covariance_weight: f64,
    /// Weight of the trajectory's curvature. Default: 1.
    pub trajectory_weight: f64,
    /// What it is built for.
    #[serde(skip)]
    pub input: InputConfig,
}

impl Default for VicRegTrajConfig {
    fn default() -> Self {
        Self {
            projector: vec![2048; 3],
            invariance_weight: 25.0,
            variance_weight: 25.0,
            covariance_weight: 1.0,
            trajectory_weight: 1.0,
            input: InputConfig::default(),
        }
    }
}

impl MethodConfig for VicRegTrajConfig {
    type Method = VicRegTraj;

    const NAME: &'static str = "vicreg_traj";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { input: InputConfig { encoder, action_dim }, ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.input.validate()?;
        Projector::validate("projector", &self.projector)?;
        weight("invariance_weight", self.invariance_weight)?;
        weight("variance_weight", self.variance_weight)?;
        weight("covariance_weight", self.covariance_weight)?;
        weight("trajectory_weight", self.trajectory_weight)?;
        parameters(self.parameter_count())
    }

    fn parameter_count(&self) -> u64 {
        let InputConfig { encoder, .. } = self.input;
        encoder.parameter_count() + Projector::parameter_count(encoder.width(), &self.projector, END)
    }

    fn layer_memory(&self, _: usize, side: usize) -> Option<Vec<LayerMemory>> {
        let projector = Projector::layer_memory("projector", self.input.width(), &self.projector, END);
        let covariance = covariance_memory(last(&self.projector), 2);
        self.input.layer_memory(side, 3, false, vec![projector.times(3), covariance])
    }

    fn init(&self, seed: u64, device: &Device) -> Result<VicRegTraj, ModelError> {
        self.validate()?;
        let rng = &mut InitRng::new(seed);
        let encoder = self.input.encoder.init(rng, device)?;
        let projector = Projector::new(encoder.width(), &self.projector, END, rng, device);
        Ok(VicRegTraj { encoder, projector, config: self.clone() })
    }
}

/// VICReg-Traj: VICReg of the first two of three views, whose embeddings shall go on in one direction.
///
/// With embeddings y_1, y_2, y_3, the steps v_1 = y_2 - y_1 and v_2 = y_3 - y_2, and u = v - (v · y_2) y_2, the terms are those of
/// [`VicReg`](super::VicReg) of (y_1, y_2) and `trajectory`, its weight times the mean of -cos(u_1, u_2), in [-1, 1]. All three views pass
/// encoder and projector as one batch.
#[derive(Module, Debug)]
pub struct VicRegTraj {
    /// The encoder.
    pub encoder: AnyEncoder,
    /// The projector.
    pub projector: Projector,
    #[module(skip)]
    config: VicRegTrajConfig,
}

/// The mean of -cos of the two steps between three embeddings, each `[batch, features]`.
fn trajectory([left, centre, right]: [Tensor<2>; 3]) -> Tensor<1> {
    let [first, second] = [centre.clone() - left, right - centre.clone()].map(|step| {
        let along = (step.clone() * centre.clone()).sum_dim(1);
        step - along * centre.clone()
    });
    cosine_distance(first, second).sub_scalar(1.0)
}

impl JointEmbedding for VicRegTraj {
    type Config = VicRegTrajConfig;

    fn settings(&self) -> &VicRegTrajConfig {
        &self.config
    }

    fn input(&self) -> &InputConfig {
        &self.config.input
    }

    fn encoder(&self) -> &AnyEncoder {
        &self.encoder
    }

    fn views(&self) -> ViewsUsed {
        ViewsUsed { observed: Some(VIEWS), target: false }
    }

    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded {
        let observed = input.observed.narrow(1, 0, VIEWS);
        let [batch, _, channels, height, width] = observed.dims();
        let encoded = self.encoder.encode(observed.reshape([batch * VIEWS, channels, height, width]), mode);
        let projected = self.projector.forward(encoded.clone(), mode);
        let of_view = |rows: Tensor<2>, index: usize| {
            let [_, features] = rows.dims();
            let rows = rows.reshape([batch, VIEWS, features]);
            rows.narrow(1, index, 1).squeeze_dim::<2>(1)
        };
        let embeddings = [0, 1, 2].map(|index| of_view(projected.clone(), index));
        let [left, centre, _] = embeddings.clone();
        let config = &self.config;
        let weights = [config.invariance_weight, config.variance_weight, config.covariance_weight];
        let mut terms = vicreg_terms(left, centre, weights);
        terms.push(("trajectory", trajectory(embeddings).mul_scalar(config.trajectory_weight)));
        let [first, second] = [0, 1].map(|index| of_view(encoded.clone(), index));
        Embedded { terms, first, second }
    }
}

/// Views that it looks at.
const VIEWS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use seqjepa_nn::host::read_scalar;

    #[test]
    fn a_straight_line_is_best_and_a_turn_back_is_worst() {
        let device = Device::flex();
        let point = |values: [f32; 3]| Tensor::<2>::from_data([values], &device);
        // The centre is at the origin, so that nothing of a step is along it.
        let through =
            |right| read_scalar(trajectory([point([-1.0, 0.0, 0.0]), point([0.0; 3]), point(right)]));
        assert!((through([2.0, 0.0, 0.0]) + 1.0).abs() < 1e-6);
        assert!(through([0.0, 1.0, 0.0]).abs() < 1e-6);
        assert!((through([-1.0, 0.0, 0.0]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_a_step_has_along_a_centre_of_length_one_does_not_count() {
        let device = Device::flex();
        let point = |values: [f32; 3]| Tensor::<2>::from_data([values], &device);
        let centre = point([1.0, 0.0, 0.0]);
        let curved = trajectory([point([0.4, -1.0, 0.0]), centre, point([-3.0, 1.0, 0.0])]);
        assert!((read_scalar(curved) + 1.0).abs() < 1e-6);
    }
}
