//! The operators that this project is made of, at awkward shapes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use burn::module::{Module, Param};
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, FloatDType, Tensor, TensorData, activation};
use seqjepa_model::cosine_distance;
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::visit::visit_floats;
use seqjepa_nn::{
    BatchNorm, Conv2d, LayerNorm, Linear, Mode, MultiHeadAttention, Precision, ema_update, finite_flag, gelu,
    host, matmul, narrowed, non_finite, relu, split_weight_gradient, widened,
};
use seqjepa_train::panic_text;

use super::deviation::{Bounds, Deviation, DeviceCheckError, reference, rounding, rounds};
use super::source::{Part, Source};
use crate::device_failure::DeviceFailure;

/// Momentum of the moving averages that are checked.
const DECAY: f64 = 0.9;

/// A layer without parameters.
const NO_LAYER: Vec<Linear> = Vec::new();

/// What computes an operator from a source of inputs.
type Compute = dyn Fn(&mut Source) -> Vec<Part>;

/// An operator with its shapes, on any device.
struct Operator {
    name: &'static str,
    shapes: String,
    compute: Box<Compute>,
}

impl Operator {
    fn new(
        name: &'static str,
        shapes: impl Into<String>,
        compute: impl Fn(&mut Source) -> Vec<Part> + 'static,
    ) -> Self {
        Self { name, shapes: shapes.into(), compute: Box::new(compute) }
    }
}

/// What has been found of one operator.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OperatorReport {
    /// Its name.
    pub name: &'static str,
    /// At how many shapes it was checked.
    pub shapes: usize,
    /// The results that were too far from the reference's.
    pub wrong: Vec<Deviation>,
    /// The one that was farthest from it, as a share of its bound.
    pub worst: Deviation,
}

/// What the operators of a device of `backend` can be checked in, the usual first: in f32 too where that is TF32, in bf16 where it has that.
#[must_use]
pub fn precisions(device: &Device, backend: &str) -> Vec<Precision> {
    let single = (backend == "cuda").then_some(Precision::F32);
    let narrow = device.supports_dtype(FloatDType::BF16).then_some(Precision::Bf16);
    [Precision::Full].into_iter().chain(single).chain(narrow).collect()
}

/// Holds every operator on `device`, which belongs to `backend`, against the reference, both in a precision, `each` being told as soon as
/// one is done.
///
/// # Errors
///
/// [`DeviceCheckError::NoReference`] in a build without the Flex backend. What is computed wrongly is in the reports.
pub fn check_operators(
    device: &Device,
    backend: &str,
    precision: Precision,
    mut each: impl FnMut(&OperatorReport),
) -> Result<Vec<OperatorReport>, DeviceCheckError> {
    let reference = reference(backend)?;
    let precisions = [precision, rounding(backend, precision)];
    Ok(check(operators(), [device, &reference], precisions, &mut each))
}

/// Of device and reference, each in its precision.
fn check(
    operators: Vec<Operator>,
    devices: [&Device; 2],
    precisions: [Precision; 2],
    each: &mut dyn FnMut(&OperatorReport),
) -> Vec<OperatorReport> {
    let mut reports: Vec<OperatorReport> = Vec::new();
    let mut operators = operators.into_iter().peekable();
    while let Some(operator) = operators.next() {
        let deviations = deviations(&operator, devices, precisions);
        let wrong = deviations.iter().filter(|deviation| !deviation.is_within()).cloned().collect();
        let worst = deviations.into_iter().max_by(|a, b| a.share().total_cmp(&b.share()));
        let worst = worst.expect("every operator has an output");
        match reports.last_mut().filter(|report| report.name == operator.name) {
            Some(report) => {
                report.shapes += 1;
                report.wrong.extend(wrong);
                if worst.share().total_cmp(&report.worst.share()).is_gt() {
                    report.worst = worst;
                }
            }
            None => reports.push(OperatorReport { name: operator.name, shapes: 1, wrong, worst }),
        }
        if operators.peek().is_none_or(|next| next.name != operator.name) {
            each(reports.last().expect("one was just added"));
        }
    }
    reports
}

fn deviations(
    operator: &Operator,
    [device, reference]: [&Device; 2],
    [precision, rounding]: [Precision; 2],
) -> Vec<Deviation> {
    let on = |device: &Device, precision: Precision| {
        precision.within(|| (operator.compute)(&mut Source::new(device)))
    };
    // A kernel that cannot be run is a result like others: those after it are checked all the same.
    let computed = catch_unwind(AssertUnwindSafe(|| on(device, precision)));
    let (found, failure): (BTreeMap<_, _>, _) = match computed {
        Ok(parts) => (parts.into_iter().collect(), String::new()),
        Err(panic) if DeviceFailure::of(&*panic) == Some(DeviceFailure::LostConnection) => {
            resume_unwind(panic)
        }
        Err(panic) => {
            let reason = DeviceFailure::of(&*panic).map(|failure| failure.to_string());
            let line = || panic_text(&*panic).lines().next().unwrap_or_default().to_owned();
            (BTreeMap::new(), format!(", not computed ({})", reason.unwrap_or_else(line)))
        }
    };
    let plain: Option<BTreeMap<_, _>> =
        rounds(rounding).then(|| on(reference, Precision::Full).into_iter().collect());
    let compare = |(part, expected): Part| {
        let what = format!("{}, {part}{failure}", operator.name);
        // What the device has not computed is wrong.
        let found = found.get(&part).map_or(&[][..], Vec::as_slice);
        let plain = plain.as_ref().and_then(|plain| plain.get(&part)).map(Vec::as_slice);
        let names = (what, operator.shapes.clone());
        Deviation::between(names, found, &expected, (Bounds::of(rounding).forward, 0.0))
            .allowing(plain, &expected, 0.0)
    };
    on(reference, rounding).into_iter().map(compare).collect()
}

/// All operators, those of a name one after another.
fn operators() -> Vec<Operator> {
    let mut all = Vec::new();
    all.extend(linear_layers());
    all.extend(products());
    all.extend(convolutions());
    all.extend(norms());
    all.extend(attention());
    all.extend(element_wise());
    all.extend(reductions());
    all.extend(joins());
    all.extend(updates());
    all
}

/// K = 1 to 18, with the nine action parameters among them; narrow outputs; one row.
fn linear_layers() -> Vec<Operator> {
    let mut all = Vec::new();
    for inputs in 1..=18 {
        for (rows, outputs) in [(1, 33), (6, 1), (7, 2), (96, 32)] {
            let shapes = format!("[{rows}, {inputs}] by [{inputs}, {outputs}]");
            all.push(Operator::new("linear layer", shapes, move |source| {
                let layer = Linear::new(inputs, outputs, &mut source.rng(), source.device());
                let input = source.tensor([rows, inputs]);
                let output = layer.forward(input.clone());
                source.parts(output, &[&input], &layer)
            }));
        }
    }
    for (batch, rows, inputs, outputs) in [(3, 4, 9, 17), (2, 1, 13, 1), (5, 3, 640, 9)] {
        let shapes = format!("[{batch}, {rows}, {inputs}] by [{inputs}, {outputs}]");
        all.push(Operator::new("linear layer of sequences", shapes, move |source| {
            let layer = Linear::new(inputs, outputs, &mut source.rng(), source.device());
            let input = source.tensor([batch, rows, inputs]);
            let output = layer.forward(input.clone());
            source.parts(output, &[&input], &layer)
        }));
    }
    // Nothing is read in between: what is fused is fused. Burn's report 5122 is of the first of these.
    for (rows, sizes) in [(5, [36, 64, 9, 1]), (7, [9, 33, 16, 2]), (1, [13, 8, 5, 1])] {
        let shapes = format!("{rows} rows, {sizes:?}");
        all.push(Operator::new("layers with a narrow output", shapes, move |source| {
            let pairs = sizes.windows(2);
            let layers: Vec<_> =
                pairs.map(|pair| Linear::new(pair[0], pair[1], &mut source.rng(), source.device())).collect();
            let input = source.tensor([rows, sizes[0]]);
            let output = layers.iter().fold(input.clone(), |input, layer| layer.forward(input).tanh());
            source.parts(output, &[&input], &layers)
        }));
    }
    all
}

/// Matrices one of which is transposed, as in attention.
fn products() -> Vec<Operator> {
    let sizes = [(2, 4, 5), (1, 1, 9), (3, 9, 1), (4, 6, 33)];
    sizes
        .into_iter()
        .map(|(batch, tokens, width)| {
            let shapes = format!("[{batch}, 2, {tokens}, {width}] by its like, transposed");
            Operator::new("product of transposed matrices", shapes, move |source| {
                let first = source.tensor([batch, 2, tokens, width]);
                let second = source.tensor([batch, 2, tokens, width]);
                let output = matmul(first.clone(), second.clone().swap_dims(2, 3));
                source.parts(output, &[&first, &second], &NO_LAYER)
            })
        })
        .collect()
}

/// In bf16 on what is held so, as the norms after them.
fn convolutions() -> Vec<Operator> {
    let mut all = Vec::new();
    for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (7, 2, 3)] {
        // The first but one is a ResNet's first: of three channels, with outputs that fit the tiles of matrix instructions.
        for (batch, inputs, outputs, side) in
            [(2, 3, 16, 32), (2, 3, 64, 8), (3, 5, 7, 9), (1, 16, 32, 8), (2, 33, 1, 5), (9, 8, 12, 8)]
        {
            let shapes = format!(
                "[{batch}, {inputs}, {side}, {side}], {outputs} kernels of {kernel}, stride {stride}"
            );
            all.push(Operator::new("convolution", shapes, move |source| {
                let channels = [inputs, outputs];
                let layer =
                    Conv2d::kaiming(channels, kernel, [stride, padding], &mut source.rng(), source.device());
                let input = source.tensor([batch, inputs, side, side]);
                let output = layer.forward(narrowed(input.clone()));
                source.parts(output, &[&input], &layer)
            }));
        }
    }
    // Rows and columns in one tile and in several; channels that are read one by one, and four or eight at once; parts that end within a
    // stretch of positions.
    for (batch, inputs, outputs, side, kernel, stride) in [
        (3, 3, 7, 33, 3, 1),
        (2, 64, 64, 17, 1, 1),
        (5, 24, 128, 9, 3, 2),
        (9, 72, 65, 8, 1, 1),
        (2, 8, 8, 15, 7, 2),
    ] {
        let shapes =
            format!("[{batch}, {inputs}, {side}, {side}], {outputs} kernels of {kernel}, stride {stride}");
        all.push(Operator::new("weight gradient, divided", shapes, move |source| {
            let padding = kernel / 2;
            let results = (side + 2 * padding - kernel) / stride + 1;
            let input = source.constant([batch, inputs, side, side]).inner();
            let weight = source.constant([outputs, inputs, kernel, kernel]).inner();
            let gradient = source.constant([batch, outputs, results, results]).inner();
            let [input, weight, gradient] = [input, weight, gradient].map(narrowed);
            let found = split_weight_gradient(input, weight, gradient, [stride, padding]);
            vec![("gradient".to_owned(), host::read(widened(found)))]
        }));
    }
    all.push(Operator::new("convolution of patches", "[2, 3, 32, 32], 24 kernels of 4", |source| {
        let layer = Conv2d::patches([3, 24], 4, &mut source.rng(), source.device());
        let input = source.tensor([2, 3, 32, 32]);
        let output = layer.forward(narrowed(input.clone()));
        source.parts(output, &[&input], &layer)
    }));
    for side in [32, 9] {
        all.push(Operator::new("maximum of 3 by 3", format!("[2, 5, {side}, {side}]"), move |source| {
            let input = source.tensor([2, 5, side, side]);
            let window = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
            let output = max_pool2d(narrowed(input.clone()), window);
            source.parts(output, &[&input], &NO_LAYER)
        }));
    }
    all
}

fn norms() -> Vec<Operator> {
    let mut all = Vec::new();
    for shape in [[4, 16, 8, 8], [3, 5, 7, 7], [2, 33, 1, 1], [7, 1, 3, 5]] {
        let shapes = format!("{shape:?}");
        all.push(Operator::new("batch norm in training", shapes.clone(), move |source| {
            let layer = BatchNorm::new(shape[1], source.device());
            let input = source.tensor(shape);
            let output = layer.forward(narrowed(input.clone()), Mode::Train);
            with_tensors(source.parts(output, &[&input], &layer), &layer)
        }));
    }
    for shape in [[4, 16, 8, 8], [3, 5, 7, 7]] {
        let shapes = format!("{shape:?}");
        all.push(Operator::new("batch norm, sum, rectification", shapes.clone(), move |source| {
            let layer = BatchNorm::new(shape[1], source.device());
            let (input, residual) = (source.tensor(shape), source.tensor(shape));
            let output =
                layer.forward_add_relu(narrowed(input.clone()), narrowed(residual.clone()), Mode::Train);
            source.parts(output, &[&input, &residual], &layer)
        }));
    }
    for shape in [[4, 16, 8, 8], [3, 5, 7, 7]] {
        all.push(Operator::new("batch norm in evaluation", format!("{shape:?}"), move |source| {
            let layer = BatchNorm::new(shape[1], source.device());
            let input = source.tensor(shape);
            let output = layer.forward(narrowed(input.clone()), Mode::Eval);
            source.parts(output, &[&input], &layer)
        }));
    }
    for shape in [[6, 9], [2, 128], [5, 33]] {
        all.push(Operator::new("batch norm of rows", format!("{shape:?}"), move |source| {
            let layer = BatchNorm::without_affine(shape[1], source.device());
            let input = source.tensor(shape);
            let output = layer.forward(input.clone(), Mode::Train);
            source.parts(output, &[&input], &layer)
        }));
    }
    for shape in [[2, 4, 9], [3, 1, 160], [1, 5, 33]] {
        all.push(Operator::new("layer norm", format!("{shape:?}"), move |source| {
            let layer = LayerNorm::new(shape[2], source.device());
            let input = source.tensor(shape);
            let output = layer.forward(input.clone());
            source.parts(output, &[&input], &layer)
        }));
    }
    all
}

fn attention() -> Vec<Operator> {
    [(2, 4, 20, 4), (1, 1, 12, 2), (3, 9, 36, 4)]
        .into_iter()
        .map(|(batch, tokens, width, heads)| {
            let shapes = format!("[{batch}, {tokens}, {width}], {heads} heads");
            Operator::new("attention", shapes, move |source| {
                let layer = MultiHeadAttention::new(width, heads, &mut source.rng(), source.device());
                let input = source.tensor([batch, tokens, width]);
                let output = layer.forward(input.clone(), 0.0, None);
                source.parts(output, &[&input], &layer)
            })
        })
        .collect()
}

fn element_wise() -> Vec<Operator> {
    type Function = fn(Tensor<2>) -> Tensor<2>;
    let functions: [(&'static str, Function); 5] = [
        ("rectification", |input| relu(narrowed(input))),
        ("GELU", gelu),
        ("softmax", |input| activation::softmax(input, 1)),
        ("logarithm of softmax", |input| activation::log_softmax(input, 1)),
        ("square root, exponential", |input| (input.clone() * input + 0.5).sqrt().exp()),
    ];
    let mut all = Vec::new();
    for (name, function) in functions {
        for shape in [[1, 1], [1, 9], [5, 33], [64, 100]] {
            all.push(Operator::new(name, format!("{shape:?}"), move |source| {
                let input = source.tensor(shape);
                let output = function(input.clone());
                source.parts(output, &[&input], &NO_LAYER)
            }));
        }
    }
    all
}

fn reductions() -> Vec<Operator> {
    let mut all = Vec::new();
    for shape in [[1, 1, 3], [4, 5, 9], [2, 33, 17]] {
        for dim in 0..3 {
            all.push(Operator::new("sum along an axis", format!("{shape:?}, axis {dim}"), move |source| {
                let input = source.tensor(shape);
                let output = input.clone().sum_dim(dim);
                source.parts(output, &[&input], &NO_LAYER)
            }));
        }
    }
    for shape in [[1, 9], [6, 512], [5, 33]] {
        all.push(Operator::new("cosine distance", format!("{shape:?}"), move |source| {
            let (prediction, target) = (source.tensor(shape), source.tensor(shape));
            let output = cosine_distance(prediction.clone(), target.clone());
            source.parts(output, &[&prediction, &target], &NO_LAYER)
        }));
    }
    for (rows, classes) in [(1, 2_i64), (6, 10), (5, 100)] {
        all.push(Operator::new("cross entropy", format!("[{rows}, {classes}]"), move |source| {
            let input = source.tensor([rows, usize::try_from(classes).expect("a few")]);
            let labels: Vec<i64> = (0_i64..).take(rows).map(|row| row * 7 % classes).collect();
            let labels = Tensor::from_data(TensorData::new::<i64, _>(labels, [rows, 1]), source.device());
            let output = activation::log_softmax(input.clone(), 1).gather(1, labels).mean();
            source.parts(output, &[&input], &NO_LAYER)
        }));
    }
    all
}

/// What puts tokens together and takes them apart.
fn joins() -> Vec<Operator> {
    let mut all = Vec::new();
    for (batch, tokens, width, more) in [(2, 3, 8, 4), (1, 1, 9, 7), (5, 4, 33, 1)] {
        let shapes = format!("[{batch}, {tokens}, {width}] and {more} more");
        all.push(Operator::new("concatenation and parts", shapes, move |source| {
            let (first, second) =
                (source.tensor([batch, tokens, width]), source.tensor([batch, tokens, more]));
            let joined = Tensor::cat(vec![first.clone(), second.clone()], 2);
            let token = source.constant([1, 1, width + more]).expand([batch, 1, width + more]);
            let output = Tensor::cat(vec![token, joined], 1).narrow(1, 1, tokens).swap_dims(0, 1);
            source.parts(output, &[&first, &second], &NO_LAYER)
        }));
    }
    all
}

/// Inputs and outputs of layers whose parameters are updated. Kernels of this project take small tensors together, and the last weight by itself.
const LAYERS: [(usize, usize); 3] = [(9, 33), (128, 17), (512, 300)];

/// Steps of optimizers and the moving average.
fn updates() -> Vec<Operator> {
    let mut all = Vec::new();
    let rules = [
        ("Adam", OptimizerConfig::adam()),
        ("AdamW", OptimizerConfig::adamw()),
        ("SGD", OptimizerConfig::sgd(0.9)),
        ("LARS", OptimizerConfig::lars()),
    ];
    for (name, rule) in rules {
        for (inputs, outputs) in LAYERS {
            all.push(Operator::new(
                name,
                format!("[{outputs}, {inputs}] and [{outputs}], 3 steps"),
                move |source| {
                    let mut layer = Linear::new(inputs, outputs, &mut source.rng(), source.device());
                    let mut optimizer = Optimizer::new(rule).expect("the rule's own constants");
                    for _ in 0..3 {
                        let output = layer.forward(source.constant([4, inputs]));
                        let weights = source.constant([4, outputs]);
                        let mut backward = (output * weights).sum().backward();
                        let gradients = ParameterGradients::take(&mut backward, &layer);
                        layer =
                            optimizer.step(1e-2, layer, gradients).expect("the gradients are the layer's");
                    }
                    with_tensors(Vec::new(), &layer)
                },
            ));
        }
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        // Shaders may be compiled as if no value were infinite. More values than units sum at a time, the last of them wrong.
        all.push(Operator::new(
            "search for what is not finite",
            format!("[300, 512] and {value}"),
            move |source| {
                let mut layer = Linear::new(512, 300, &mut source.rng(), source.device());
                let mut seen = Vec::new();
                for last in [0.0, value] {
                    let mut values = vec![0.25; 300 * 512];
                    *values.last_mut().expect("there are many") = last;
                    let data = TensorData::new::<f32, _>(values, [300, 512]);
                    layer.weight = Param::from_tensor(Tensor::from_data(data, source.device()));
                    let flag = finite_flag(&layer).expect("it has parameters");
                    seen.push(if host::read_scalar(flag).is_nan() { 1.0 } else { 0.0 });
                    seen.push(if non_finite(&layer) == ["weight"] { 1.0 } else { 0.0 });
                }
                vec![("whether it is seen".to_owned(), seen)]
            },
        ));
    }
    all.push(Operator::new("norm of gradients", "[300, 512] and [300]", |source| {
        let layer = Linear::new(512, 300, &mut source.rng(), source.device());
        let output = layer.forward(source.constant([4, 512]));
        let weights = source.constant([4, 300]);
        let mut backward = (output * weights).sum().backward();
        let squared = ParameterGradients::take(&mut backward, &layer).norm_squared();
        vec![("its square".to_owned(), host::read(squared.expect("it has parameters")))]
    }));
    for (inputs, outputs) in LAYERS {
        all.push(Operator::new(
            "moving average",
            format!("[{outputs}, {inputs}] and [{outputs}]"),
            move |source| {
                let rng = &mut source.rng();
                let [target, online] = [(); 2].map(|()| Linear::new(inputs, outputs, rng, source.device()));
                with_tensors(Vec::new(), &ema_update(target, &online, DECAY))
            },
        ));
    }
    all
}

/// With the parameters and running statistics of a layer.
fn with_tensors<M: Module>(mut parts: Vec<Part>, layer: &M) -> Vec<Part> {
    visit_floats(layer, |name, tensor| parts.push((name.to_owned(), host::read(tensor.values()))));
    parts
}

#[cfg(all(test, feature = "flex", feature = "ndarray"))]
mod tests {
    use super::*;
    use crate::device::DeviceRequest;

    /// A device of another backend.
    fn other() -> Device {
        DeviceRequest::parse("ndarray").and_then(|request| request.open()).expect("it is compiled in")
    }

    fn report(operators: Vec<Operator>, device: &Device) -> (Vec<OperatorReport>, Vec<&'static str>) {
        let mut told = Vec::new();
        let reports = check(operators, [device, &Device::flex()], [Precision::Full; 2], &mut |report| {
            told.push(report.name)
        });
        (reports, told)
    }

    #[test]
    fn a_second_backend_agrees_on_every_operator() {
        let (reports, told) = report(operators(), &other());
        for OperatorReport { name, wrong, worst, .. } in &reports {
            assert!(wrong.is_empty(), "{name}: {worst}");
            assert!(worst.share() < 0.5, "{name} is close to its bound: {worst}");
        }
        assert_eq!(told, reports.iter().map(|report| report.name).collect::<Vec<_>>());
        let linear = reports.iter().find(|report| report.name == "linear layer").expect("there is one");
        assert_eq!(linear.shapes, 18 * 4);
    }

    #[test]
    fn a_wrong_operator_is_found_and_named() {
        // As a kernel that leaves out what is beyond a multiple of four.
        let truncated = |inputs: usize| {
            Operator::new("linear layer", format!("[3, {inputs}]"), move |source| {
                let on_reference = format!("{:?}", source.device()).contains("Flex");
                let layer = Linear::new(inputs, 2, &mut source.rng(), source.device());
                let input = source.tensor([3, inputs]);
                let kept = if on_reference { inputs } else { inputs / 4 * 4 };
                let read = input.clone().narrow(1, 0, kept);
                let output = read.matmul(layer.weight.val().narrow(1, 0, kept).transpose());
                source.parts(output, &[&input], &layer)
            })
        };
        let right = Operator::new("rectification", "[4]", |source| {
            let input = source.tensor([4]);
            let output = relu(input.clone());
            source.parts(output, &[&input], &NO_LAYER)
        });
        let (reports, _) = report(vec![truncated(8), truncated(9), right], &other());
        let [linear, right] = &reports[..] else { panic!("two operators, not {reports:?}") };
        assert_eq!((linear.shapes, right.wrong.len()), (2, 0));
        assert!(!linear.wrong.is_empty() && linear.worst.shapes == "[3, 9]", "{linear:?}");
        assert!(linear.worst.what.starts_with("linear layer, "), "{linear:?}");
    }

    #[test]
    fn an_operator_that_cannot_be_run_is_wrong_and_the_next_is_checked() {
        let on_reference = |source: &Source| format!("{:?}", source.device()).contains("Flex");
        let broken = Operator::new("product", "[4]", move |source| {
            assert!(on_reference(source), "a launch error happened: no such instruction");
            let input = source.tensor([4]);
            source.parts(input.clone(), &[&input], &NO_LAYER)
        });
        let right = Operator::new("rectification", "[4]", |source| {
            let input = source.tensor([4]);
            source.parts(relu(input.clone()), &[&input], &NO_LAYER)
        });
        let (reports, _) = report(vec![broken, right], &other());
        assert!(reports[0].worst.what.contains("no such instruction"), "{}", reports[0].worst);
        assert!(!reports[0].wrong.is_empty() && reports[1].wrong.is_empty(), "{reports:?}");
    }
}
