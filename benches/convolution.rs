//! Convolutions of residual networks, one layer at a time: `seqjepa-cpu` beside Burn's own operators of the Flex backend.
//!
//! ```text
//! cargo bench --bench convolution
//! RAYON_NUM_THREADS=1 cargo bench --bench convolution -- 64x32x32
//! ```
//!
//! A case is named after the inputs, `channels x height x width`, the outputs, the kernel and the stride. Throughput is in
//! multiplications and additions of the definition, whatever an algorithm does of them. Burn's gradients are those of its
//! autodiff, without the forward pass, with that of a sum ahead of it.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, module};
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use seqjepa::cpu::{ConvShape, convolve, input_gradient, keep_freed_memory, weight_gradient};

const BATCH: usize = 32;

/// Inputs, outputs, side, kernel and stride.
const LAYERS: [[usize; 5]; 8] = [
    [3, 64, 32, 3, 1],
    [16, 16, 32, 3, 1],
    [64, 64, 32, 3, 1],
    [64, 128, 32, 3, 2],
    [64, 128, 32, 1, 2],
    [256, 256, 8, 3, 1],
    [512, 512, 4, 3, 1],
    [256, 64, 32, 1, 1],
];

fn shape([inputs, outputs, side, kernel, stride]: [usize; 5]) -> ConvShape {
    ConvShape {
        batch: BATCH,
        inputs,
        outputs,
        height: side,
        width: side,
        kernel,
        stride,
        padding: kernel / 2,
    }
}

fn convolution(criterion: &mut Criterion) {
    keep_freed_memory();
    let mut group = criterion.benchmark_group("convolution");
    group.sample_size(10);
    for layer in LAYERS {
        let shape = shape(layer);
        let [inputs, outputs, side, kernel, stride] = layer;
        let name = format!("{inputs}x{side}x{side}_{outputs}_k{kernel}_s{stride}");
        let products = shape.output_len() * shape.inputs * kernel * kernel;
        group.throughput(Throughput::Elements(2 * products as u64));
        ours(&mut group, &name, &shape);
        burns(&mut group, &name, &shape);
    }
    group.finish();
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Values in [-1, 1).
fn values(len: usize) -> Vec<f32> {
    (0..len).map(|index| (index * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
}

fn ours(group: &mut Group<'_>, name: &str, shape: &ConvShape) {
    let (input, weight) = (values(shape.input_len()), values(shape.weight_len()));
    let gradient = values(shape.output_len());
    let mut output = vec![0.0; gradient.len()];
    let mut input_gradients = vec![0.0; input.len()];
    let mut weight_gradients = vec![0.0; weight.len()];
    // On a thread of the pool, as a training step runs.
    group.bench_function(format!("{name}/forward/seqjepa"), |bencher| {
        rayon::scope(|_| bencher.iter(|| convolve(shape, &input, &weight, &mut output)));
    });
    group.bench_function(format!("{name}/input_gradient/seqjepa"), |bencher| {
        rayon::scope(|_| bencher.iter(|| input_gradient(shape, &weight, &gradient, &mut input_gradients)));
    });
    group.bench_function(format!("{name}/weight_gradient/seqjepa"), |bencher| {
        rayon::scope(|_| bencher.iter(|| weight_gradient(shape, &input, &gradient, &mut weight_gradients)));
    });
}

fn burns(group: &mut Group<'_>, name: &str, shape: &ConvShape) {
    let options = ConvOptions::new([shape.stride, shape.stride], [shape.padding, shape.padding], [1, 1], 1);
    let random = |sizes: [usize; 4], device: &Device| {
        Tensor::<4>::random(sizes, Distribution::Uniform(-1.0, 1.0), device)
    };
    let input = |device| random([shape.batch, shape.inputs, shape.height, shape.width], device);
    let weight = |device| random([shape.outputs, shape.inputs, shape.kernel, shape.kernel], device);
    let convolve = |input: &Tensor<4>, weight: &Tensor<4>| {
        module::conv2d(input.clone(), weight.clone(), None, options.clone())
    };

    let device = Device::flex();
    let plain = [input(&device), weight(&device)];
    group.bench_function(format!("{name}/forward/burn"), |bencher| {
        rayon::scope(|_| bencher.iter(|| convolve(&plain[0], &plain[1])));
    });
    let device = Device::flex().autodiff();
    for (gradient, [of_input, of_weight]) in
        [("input_gradient", [true, false]), ("weight_gradient", [false, true])]
    {
        let input = input(&device).set_require_grad(of_input);
        let weight = weight(&device).set_require_grad(of_weight);
        group.bench_function(format!("{name}/{gradient}/burn"), |bencher| {
            rayon::scope(|_| {
                bencher.iter_batched(
                    || convolve(&input, &weight).sum(),
                    |sum| sum.backward(),
                    BatchSize::PerIteration,
                );
            });
        });
    }
}

criterion_group!(benches, convolution);
criterion_main!(benches);
