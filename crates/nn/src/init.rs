//! Initial values.

use burn::tensor::{Device, Shape, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::host;

/// The generator of initial parameter values.
///
/// Values are drawn on the host, eagerly and in the order of the calls: a seed gives the same bits on
/// every backend, device and thread count.
#[derive(Clone, Debug)]
pub struct InitRng {
    rng: ChaCha8Rng,
}

impl InitRng {
    /// A generator for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Values from U(-`bound`, `bound`).
    #[expect(clippy::cast_possible_truncation, reason = "drawn in f64, rounded once")]
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64, device: &Device) -> Tensor<D> {
        let shape = Shape::from(shape);
        let values: Vec<f32> =
            (0..shape.num_elements()).map(|_| ((2.0 * self.unit() - 1.0) * bound) as f32).collect();
        host::send_without_gaps(TensorData::new(values, shape), device)
    }

    /// Values from N(0, `deviation`²).
    #[expect(clippy::cast_possible_truncation, reason = "drawn in f64, rounded once")]
    pub fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        deviation: f64,
        device: &Device,
    ) -> Tensor<D> {
        let shape = Shape::from(shape);
        let count = shape.num_elements();
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            // Box and Muller: two independent normals from two uniforms; 1 - u keeps the log finite.
            let radius = deviation * (-2.0 * (1.0 - self.unit()).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * self.unit()).sin_cos();
            values.push((radius * cosine) as f32);
            values.push((radius * sine) as f32);
        }
        values.truncate(count);
        host::send_without_gaps(TensorData::new(values, shape), device)
    }

    /// A number from U[0, 1).
    fn unit(&mut self) -> f64 {
        self.rng.random()
    }
}
