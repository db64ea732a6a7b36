//! PTX given as text, run by the library's own functions, against what Rust computes.

mod arithmetic;
mod atomics;
mod control;
mod conversions;
mod exchange;
mod limits;
mod matrices;
mod memory;

use crate::{Device, LaunchError, LaunchReport, LaunchShape, Module};

/// Values at which whole numbers overflow or change their sign.
const EDGES: [u32; 12] =
    [0, 1, 2, 31, 32, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0x1234_5678, u32::MAX];

/// Numbers at which singles are special.
const SINGLES: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    3.0e38,
    -7.25e-5,
    f32::MIN_POSITIVE,
    1.0e-45,
    65504.0,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    123_456.79,
];

const DECLARATIONS: &str = ".reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<40>; .reg .b64 %d<40>;";

/// A kernel with registers of all kinds and pointers to buffers in `%d0`, `%d1` and so on.
fn kernel(buffers: usize, body: &str) -> String {
    let parameters: Vec<_> = (0..buffers).map(|index| format!(".param .u64 p{index}")).collect();
    let loads: String = (0..buffers).map(|index| format!("ld.param.u64 %d{index}, [p{index}];\n")).collect();
    format!(
        ".version 8.4\n.target sm_86\n.address_size 64\n.visible .entry k({})\n{{\n{DECLARATIONS}\n{loads}{body}\nret;\n}}\n",
        parameters.join(", ")
    )
}

/// A card, and buffers on it.
struct Bench {
    device: Device,
    buffers: Vec<(u64, usize)>,
}

impl Bench {
    fn new() -> Self {
        Self { device: Device::new(1 << 24), buffers: Vec::new() }
    }

    fn with(mut self, words: &[u32]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let address = self.device.allocate(bytes.len()).unwrap();
        self.device.write(address, &bytes).unwrap();
        self.buffers.push((address, words.len()));
        self
    }

    fn launch(&mut self, text: &str, grid: u32, block: u32) -> Result<LaunchReport, LaunchError> {
        self.launch_with_shared(text, grid, block, 0)
    }

    fn launch_with_shared(
        &mut self,
        text: &str,
        grid: u32,
        block: u32,
        dynamic_shared: u32,
    ) -> Result<LaunchReport, LaunchError> {
        let module = Module::parse(text).unwrap();
        let parameters: Vec<u8> =
            self.buffers.iter().flat_map(|(address, _)| address.to_le_bytes()).collect();
        let shape = LaunchShape { grid: [grid, 1, 1], block: [block, 1, 1], dynamic_shared };
        self.device.launch(&module, "k", &shape, &parameters)
    }

    fn words(&self, buffer: usize) -> Vec<u32> {
        let (address, length) = self.buffers[buffer];
        let mut bytes = vec![0; 4 * length];
        self.device.read(address, &mut bytes).unwrap();
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
    }
}

/// What a kernel of one block writes to its first buffer, of as many words as there are threads.
fn run(threads: u32, body: &str) -> Vec<u32> {
    let mut bench = Bench::new().with(&vec![0; threads as usize]);
    bench.launch(&kernel(1, body), 1, threads).unwrap();
    bench.words(0)
}

/// The same for lanes of one warp, with the result of each in `%r1` and the lane in `%r0`.
fn run_lanes(body: &str) -> Vec<u32> {
    run(32, &format!("mov.u32 %r0, %laneid;\n{body}\n{STORE_BY_LANE}"))
}

const STORE_BY_LANE: &str = "mul.wide.u32 %d9, %r0, 4; add.s64 %d9, %d0, %d9; st.global.b32 [%d9], %r1;";

/// The result in `%r4` of instructions on `%r1`, `%r2` and `%r3`, for each of the inputs.
fn on_words(body: &str, inputs: &[[u32; 3]]) -> Vec<u32> {
    let column = |index: usize| inputs.iter().map(|input| input[index]).collect::<Vec<_>>();
    let mut bench =
        Bench::new().with(&vec![0; inputs.len()]).with(&column(0)).with(&column(1)).with(&column(2));
    let text = format!(
        "mov.u32 %r10, %ctaid.x; mov.u32 %r11, %tid.x; mad.lo.u32 %r10, %r10, 32, %r11;\n\
         setp.ge.u32 %p0, %r10, {}; @%p0 ret;\n\
         mul.wide.u32 %d8, %r10, 4; add.s64 %d0, %d0, %d8; add.s64 %d1, %d1, %d8; add.s64 %d2, %d2, %d8; add.s64 %d3, %d3, %d8;\n\
         ld.global.b32 %r1, [%d1]; ld.global.b32 %r2, [%d2]; ld.global.b32 %r3, [%d3];\n{body}\nst.global.b32 [%d0], %r4;",
        inputs.len()
    );
    let blocks = u32::try_from(inputs.len().div_ceil(32)).unwrap();
    bench.launch(&kernel(4, &text), blocks, 32).unwrap();
    bench.words(0)
}

/// All pairs of values, with a third that differs.
fn pairs(values: &[u32]) -> Vec<[u32; 3]> {
    let mut pairs = Vec::new();
    for (index, &first) in values.iter().enumerate() {
        for &second in values {
            pairs.push([first, second, values[(index + 5) % values.len()]]);
        }
    }
    pairs
}

/// Holds what instructions give on words against a function.
fn check_words(body: &str, expected: impl Fn(u32, u32, u32) -> u32) {
    let inputs = pairs(&EDGES);
    for (input, result) in inputs.iter().zip(on_words(body, &inputs)) {
        let [a, b, c] = *input;
        assert_eq!(result, expected(a, b, c), "{body} of {a:#x}, {b:#x}, {c:#x}");
    }
}

/// The same for singles. Any NaN is as good as another.
fn check_singles(body: &str, expected: impl Fn(f32, f32, f32) -> f32) {
    let inputs = pairs(&SINGLES.map(f32::to_bits));
    for (input, result) in inputs.iter().zip(on_words(body, &inputs)) {
        let [a, b, c] = input.map(f32::from_bits);
        let (result, expected) = (f32::from_bits(result), expected(a, b, c));
        assert!(
            result.to_bits() == expected.to_bits() || (result.is_nan() && expected.is_nan()),
            "{body} of {a:e}, {b:e}, {c:e}: {result:e}, not {expected:e}"
        );
    }
}
