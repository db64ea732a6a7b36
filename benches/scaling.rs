//! How time and memory of a training step grow: with batch, width, observed views, side of the images, and threads.
//!
//! ```text
//! cargo bench --bench scaling
//! ```
//!
//! Varies one of them at a time and prints Markdown tables: the least time of the steps of some seconds, the same for each unit of
//! what should be its measure (a table whose column stays constant grows linearly), and the peak memory of a process that does
//! nothing else (Linux; elsewhere a dash). Every row is measured in a process of its own.

#![allow(clippy::print_stdout, reason = "the tables are what the program is for")]

mod training_step;

use std::process::Command;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use training_step::{Size, Training};

/// From which one thing at a time is varied: the quickstart's width and the published M.
const BASE: Size = Size { width: 16, batch: 32, views: 3, side: 32 };

/// How long steps are repeated, after two that warm up.
const DURATION: Duration = Duration::from_secs(3);

/// Set for the processes that measure: width, batch, views and side.
const VARIABLE: &str = "SEQJEPA_SCALING";

/// A table: what varies, what its time is divided by, its sizes.
struct Table {
    title: &'static str,
    unit: &'static str,
    rows: Vec<(usize, f64, Size)>,
}

fn tables() -> Vec<Table> {
    let table = |title, unit, values: &[usize], size: fn(usize) -> Size, units: fn(usize) -> f64| Table {
        title,
        unit,
        rows: values.iter().map(|&value| (value, units(value), size(value))).collect(),
    };
    let linear = |value: usize| value as f64;
    vec![
        table("batch", "sequence", &[2, 4, 8, 16, 32, 64, 128], |batch| Size { batch, ..BASE }, linear),
        table(
            "width",
            "(width / 16)²",
            &[8, 16, 32, 64, 128],
            |width| Size { width, batch: 16, ..BASE },
            |width| (width as f64 / 16.0).powi(2),
        ),
        table(
            "observed views M",
            "view, target included",
            &[1, 2, 3, 5, 8],
            |views| Size { views, ..BASE },
            |views| (views + 1) as f64,
        ),
        table(
            "side of the images",
            "(side / 32)²",
            &[16, 32, 48, 64, 96, 128],
            |side| Size { side, batch: 16, ..BASE },
            |side| (side as f64 / 32.0).powi(2),
        ),
    ]
}

/// Peak resident memory of this process in MiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

/// Prints seconds of a step and MiB.
fn measure(numbers: &str) {
    let numbers: Vec<usize> =
        numbers.split(',').map(|number| number.parse().expect("written by `spawn`")).collect();
    let [width, batch, views, side] = numbers[..] else { panic!("four numbers, not {numbers:?}") };
    seqjepa::cpu::keep_freed_memory();
    let mut training = Training::new(Size { width, batch, views, side }, &Device::flex());
    for _ in 0..2 {
        training.step();
    }
    let (begin, mut least) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < DURATION {
        let start = Instant::now();
        training.step();
        least = least.min(start.elapsed());
    }
    let memory = peak_memory().map_or("-".to_owned(), |mebibytes| mebibytes.to_string());
    println!("{} {memory}", least.as_secs_f64());
}

/// Seconds of a step, and peak memory as text, in a process of its own.
fn spawn(size: Size, threads: Option<usize>) -> (f64, String) {
    let Size { width, batch, views, side } = size;
    let program = std::env::current_exe().expect("the program that runs has a path");
    let mut command = Command::new(program);
    command.env(VARIABLE, format!("{width},{batch},{views},{side}"));
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    let output = command.stderr(std::process::Stdio::inherit()).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let fields = text.split_once(' ').filter(|_| output.status.success());
    let (seconds, memory) =
        fields.unwrap_or_else(|| panic!("{size:?} could not be measured: {}", output.status));
    (seconds.parse().expect("seconds"), memory.trim().to_owned())
}

fn main() {
    if let Ok(numbers) = std::env::var(VARIABLE) {
        return measure(&numbers);
    }
    // `cargo test --benches` runs benchmarks without this argument, to see that they work.
    if !std::env::args().any(|argument| argument == "--bench") {
        return println!("needs --bench: use `cargo bench --bench scaling`");
    }
    println!(
        "ResNet-18 of width {}, batch {}, M = {}, side {}",
        BASE.width, BASE.batch, BASE.views, BASE.side
    );
    println!(
        "unless a table says otherwise (16 sequences for widths and sides); {} threads.",
        rayon::current_num_threads()
    );
    for Table { title, unit, rows } in tables() {
        println!("\n| {title} | s | ms a {unit} | MiB |\n|---:|---:|---:|---:|");
        for (value, units, size) in rows {
            let (seconds, memory) = spawn(size, None);
            println!("| {value} | {seconds:.3} | {:.2} | {memory} |", seconds * 1e3 / units);
        }
    }
    println!("\n| threads | s | times as fast as one | MiB |\n|---:|---:|---:|---:|");
    let mut one = None;
    for threads in
        (0..).map(|power| 1 << power).take_while(|&threads| threads <= rayon::current_num_threads())
    {
        let (seconds, memory) = spawn(BASE, Some(threads));
        let one = *one.get_or_insert(seconds);
        println!("| {threads} | {seconds:.3} | {:.2} | {memory} |", one / seconds);
    }
}
