//! What `embed` and the frozen evaluation spend their time on: images through a trained encoder, without gradients, batch norm
//! with its running statistics.
//!
//! ```text
//! cargo bench --bench encoder
//! ```
//!
//! Throughput is in images of 32 x 32. On another device than the processor: `SEQJEPA_BENCH_DEVICE=cuda cargo bench --features cuda ..`.

mod device;

use burn::tensor::{Distribution, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seqjepa::model::{Encoder, ResNetConfig};
use seqjepa::nn::{InitRng, Mode};

const IMAGES: usize = 256;

fn encoder(criterion: &mut Criterion) {
    seqjepa::cpu::keep_freed_memory();
    let device = device::device();
    let mut group = criterion.benchmark_group("encoder");
    group.sample_size(10);
    group.throughput(Throughput::Elements(IMAGES as u64));
    for width in [16, 64] {
        let config = ResNetConfig { width, ..ResNetConfig::default() };
        let encoder = config.init(&mut InitRng::new(42), &device).expect("a valid config");
        let images = Tensor::random([IMAGES, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device);
        group.bench_function(format!("width_{width}"), |bencher| {
            bencher.iter(|| {
                let codes = rayon::scope(|_| encoder.encode(images.clone(), Mode::Eval));
                #[expect(
                    clippy::disallowed_methods,
                    reason = "what the device still has to do belongs to the time"
                )]
                device.sync().expect("the device computes");
                codes
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encoder);
criterion_main!(benches);
