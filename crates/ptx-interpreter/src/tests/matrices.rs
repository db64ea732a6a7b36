//! Matrix instructions against plain products.

use super::{Bench, kernel};

/// Whole numbers that are small, and no pattern.
fn number(seed: usize) -> f32 {
    ((seed * 7919 + 13) % 17) as f32 - 8.0
}

/// Where PTX puts the elements: rows and columns of the elements of each lane, in order.
struct Layout {
    a: fn(usize, usize) -> (usize, usize),
    b: fn(usize, usize) -> (usize, usize),
}

const HALVES_16: Layout = Layout {
    a: |lane, i| {
        (lane / 4 + if (2..4).contains(&i) || i >= 6 { 8 } else { 0 }, lane % 4 * 2 + i % 2 + i / 4 * 8)
    },
    b: |lane, i| (lane % 4 * 2 + i % 2 + i / 2 * 8, lane / 4),
};
const HALVES_8: Layout = Layout {
    a: |lane, i| (lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2),
    b: |lane, i| (lane % 4 * 2 + i, lane / 4),
};
const TENSOR_8: Layout = Layout {
    a: |lane, i| (lane / 4 + i % 2 * 8, lane % 4 + i / 2 * 4),
    b: |lane, i| (lane % 4 + i * 4, lane / 4),
};
const TENSOR_4: Layout =
    Layout { a: |lane, i| (lane / 4 + i * 8, lane % 4), b: |lane, _| (lane % 4, lane / 4) };

fn sum_place(lane: usize, i: usize) -> (usize, usize) {
    (lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2)
}

/// Computes a product of 16 by `k` and `k` by 8, with the bits of `encode` in words of `packed` elements.
fn check(name: &str, k: usize, layout: &Layout, packed: usize, encode: fn(f32) -> u32) {
    let a: Vec<f32> = (0..16 * k).map(number).collect();
    let b: Vec<f32> = (0..k * 8).map(|index| number(index + 1000)).collect();
    let c: Vec<f32> = (0..16 * 8).map(|index| number(index + 2000)).collect();
    let words = |elements: usize, at: &dyn Fn(usize, usize) -> f32| -> Vec<u32> {
        let word = |lane: usize, register: usize| {
            (0..packed).fold(0, |word, part| word | encode(at(lane, register * packed + part)) << (16 * part))
        };
        (0..32)
            .flat_map(|lane| (0..elements / packed).map(move |register| (lane, register)))
            .map(|(lane, register)| word(lane, register))
            .collect()
    };
    let (a_elements, b_elements) = (16 * k / 32, 8 * k / 32);
    let a_words = words(a_elements, &|lane, i| {
        let (row, column) = (layout.a)(lane, i);
        a[row * k + column]
    });
    let b_words = words(b_elements, &|lane, i| {
        let (row, column) = (layout.b)(lane, i);
        b[row * 8 + column]
    });
    let c_words: Vec<u32> = (0..32)
        .flat_map(|lane| (0..4).map(move |i| sum_place(lane, i)))
        .map(|(row, column)| c[row * 8 + column].to_bits())
        .collect();
    let registers = |first: usize, count: usize| {
        (first..first + count).map(|index| format!("%r{index}")).collect::<Vec<_>>().join(", ")
    };
    let (a_count, b_count) = (a_elements / packed, b_elements / packed);
    let load = |first: usize, count: usize, pointer: usize| -> String {
        let loads =
            (0..count).map(|index| format!("ld.global.b32 %r{}, [%d9+{}];", first + index, 4 * index));
        format!(
            "mul.wide.u32 %d9, %r0, {}; add.s64 %d9, %d{pointer}, %d9; {}",
            4 * count,
            loads.collect::<String>()
        )
    };
    let body = format!(
        "mov.u32 %r0, %laneid; {} {} {}\n{name} {{{}}}, {{{}}}, {{{}}}, {{{}}};\n\
         mul.wide.u32 %d9, %r0, 16; add.s64 %d9, %d3, %d9; st.global.v4.b32 [%d9], {{%r30, %r31, %r32, %r33}};",
        load(1, a_count, 0),
        load(10, b_count, 1),
        load(20, 4, 2),
        registers(30, 4),
        registers(1, a_count),
        registers(10, b_count),
        registers(20, 4)
    );
    let mut bench = Bench::new().with(&a_words).with(&b_words).with(&c_words).with(&[0; 128]);
    bench.launch(&kernel(4, &body), 1, 32).unwrap();
    let result = bench.words(3);
    for lane in 0..32 {
        for i in 0..4 {
            let (row, column) = sum_place(lane, i);
            let expected =
                (0..k).fold(c[row * 8 + column], |sum, j| sum + a[row * k + j] * b[j * 8 + column]);
            assert_eq!(f32::from_bits(result[lane * 4 + i]), expected, "{name}, row {row}, column {column}");
        }
    }
}

fn brain(value: f32) -> u32 {
    value.to_bits() >> 16
}

/// Of whole numbers up to 8.
fn half(value: f32) -> u32 {
    match value.to_bits() {
        0 => 0,
        bits => bits >> 16 & 0x8000 | ((bits >> 13 & 0x3ffff) - (112 << 10)),
    }
}

/// With bits that the instruction must not read.
fn tensor(value: f32) -> u32 {
    value.to_bits() | 0x1fff
}

#[test]
fn products_of_bfloats_halves_and_tensor_floats() {
    check("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16, &HALVES_16, 2, brain);
    check("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", 8, &HALVES_8, 2, brain);
    check("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16, &HALVES_16, 2, half);
    check("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 8, &HALVES_8, 2, half);
    check("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 8, &TENSOR_8, 1, tensor);
    check("mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", 4, &TENSOR_4, 1, tensor);
}

/// Rows of eight halves are spread over the lanes by pairs.
#[test]
fn matrices_of_halves_from_shared_memory() {
    for (modifier, transposed) in [("", false), (".trans", true)] {
        let body = format!(
            ".shared .align 16 .b8 halves[512];\n\
             mov.u32 %r0, %laneid; mov.u32 %r1, halves; mad.lo.u32 %r2, %r0, 16, %r1; mov.u32 %r3, 0;\n\
             FILL: mad.lo.u32 %r4, %r0, 8, %r3; cvt.u16.u32 %h1, %r4; mad.lo.u32 %r5, %r3, 2, %r2; st.shared.b16 [%r5], %h1;\n\
             add.u32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, 8; @%p1 bra FILL; bar.warp.sync -1;\n\
             ldmatrix.sync.aligned.m8n8.x4{modifier}.shared.b16 {{%r10, %r11, %r12, %r13}}, [%r2];\n\
             mul.wide.u32 %d9, %r0, 16; add.s64 %d9, %d0, %d9; st.global.v4.b32 [%d9], {{%r10, %r11, %r12, %r13}};"
        );
        let mut bench = Bench::new().with(&[0; 128]);
        bench.launch(&kernel(1, &body), 1, 32).unwrap();
        for (index, word) in bench.words(0).into_iter().enumerate() {
            let (lane, matrix) = (index as u32 / 4, index as u32 % 4);
            let value = |part: u32| {
                let (row, column) = (lane / 4, lane % 4 * 2 + part);
                let (row, column) = if transposed { (column, row) } else { (row, column) };
                matrix * 64 + row * 8 + column
            };
            assert_eq!(word, value(0) | value(1) << 16, "lane {lane}, matrix {matrix}");
        }
    }
}

/// What the fragments look like is nobody's business; the result in memory is.
#[test]
fn products_of_opaque_fragments() {
    let [a, b]: [Vec<f32>; 2] = [0, 500].map(|seed| (0..256).map(|index| number(index + seed)).collect());
    let pairs = |matrix: &[f32]| -> Vec<u32> {
        matrix.chunks_exact(2).map(|pair| brain(pair[0]) | brain(pair[1]) << 16).collect()
    };
    let body = "mov.u32 %r0, 16;\n\
        wmma.load.a.sync.aligned.row.m16n16k16.global.bf16 {%r1, %r2, %r3, %r4}, [%d0], %r0;\n\
        wmma.load.b.sync.aligned.col.m16n16k16.global.bf16 {%r5, %r6, %r7, %r8}, [%d1], %r0;\n\
        mov.f32 %r9, 0f3F800000;\n\
        wmma.mma.sync.aligned.row.col.m16n16k16.f32.bf16.bf16.f32 {%r10, %r11, %r12, %r13, %r14, %r15, %r16, %r17}, \
        {%r1, %r2, %r3, %r4}, {%r5, %r6, %r7, %r8}, {%r9, %r9, %r9, %r9, %r9, %r9, %r9, %r9};\n\
        wmma.store.d.sync.aligned.row.m16n16k16.global.f32 [%d2], {%r10, %r11, %r12, %r13, %r14, %r15, %r16, %r17}, %r0;";
    let mut bench = Bench::new().with(&pairs(&a)).with(&pairs(&b)).with(&[0; 256]);
    bench.launch(&kernel(3, body), 1, 32).unwrap();
    for (index, word) in bench.words(2).into_iter().enumerate() {
        let (row, column) = (index / 16, index % 16);
        // The second is stored by columns.
        let expected = (0..16).fold(1.0, |sum, k| sum + a[row * 16 + k] * b[column * 16 + k]);
        assert_eq!(f32::from_bits(word), expected, "row {row}, column {column}");
    }
}

/// As a probe of CubeCL's for the speed of products does.
#[test]
fn one_lane_stores_what_it_has_of_a_fragment() {
    let body = "mov.u32 %r9, %laneid; mov.u32 %r1, 7; setp.ne.u32 %p1, %r9, 0; @%p1 bra done; mov.u32 %r0, 8;\n\
        wmma.store.d.sync.aligned.row.m32n8k16.global.f32 [%d0], {%r1, %r1, %r1, %r1, %r1, %r1, %r1, %r1}, %r0;\ndone:";
    let mut bench = Bench::new().with(&[0; 256]);
    bench.launch(&kernel(1, body), 1, 32).unwrap();
    let stored = bench.words(0).into_iter().filter(|word| *word == 7).count();
    assert_eq!((stored, bench.words(0).into_iter().filter(|word| *word == 0).count()), (8, 248));
}

#[test]
fn products_of_bytes() {
    // Every byte of A is 2, of B -3: sums of 32 products, and 5.
    let body = "mov.u32 %r0, %laneid; mov.u32 %r1, 0x02020202; mov.u32 %r2, 0xFDFDFDFD; mov.u32 %r3, 5;\n\
        mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%r4, %r5, %r6, %r7}, {%r1, %r1, %r1, %r1}, {%r2, %r2}, {%r3, %r3, %r3, %r3};\n\
        mul.wide.u32 %d9, %r0, 16; add.s64 %d9, %d0, %d9; st.global.v4.b32 [%d9], {%r4, %r5, %r6, %r7};";
    let mut bench = Bench::new().with(&[0; 128]);
    bench.launch(&kernel(1, body), 1, 32).unwrap();
    assert_eq!(bench.words(0), [(5i32 - 6 * 32).cast_unsigned(); 128]);
}
