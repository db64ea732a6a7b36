//! Decoding of each data set, in bytes of the files on disk (of the pixels for the procedural set) per second.
//!
//! `cargo bench --bench decode -- --save-baseline before`, then `-- --baseline before`, compares two versions. The
//! files are written to a temporary folder first and read from the page cache.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of a benchmark")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, RgbImage};
use seqjepa_data::Split;
use seqjepa_data::dataset::{DatasetSource, ImageFolder, Synthetic};
use tempfile::TempDir;

/// Images in each set.
const COUNT: usize = 2000;

/// Natural enough for a compressor: rendered scenes.
fn scenes(size: usize, count: usize) -> seqjepa_data::ImageSet {
    let synthetic = Synthetic { image_size: size, train_images: count, ..Synthetic::default() };
    synthetic.load(Split::Train).expect("the settings are in range")
}

/// Files of a folder and below it, in bytes.
fn size_on_disk(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("the folder was just written");
    entries
        .map(|entry| {
            let path = entry.expect("the folder was just written").path();
            if path.is_dir() {
                size_on_disk(&path)
            } else {
                path.metadata().map_or(0, |metadata| metadata.len())
            }
        })
        .sum()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a writable temporary folder");
    fs::write(path, bytes).expect("a writable temporary folder");
}

fn cifar(root: &Path, label_bytes: usize, files: &[&str], names: (&str, usize)) {
    let set = scenes(32, COUNT);
    let mut records = Vec::new();
    for index in 0..set.len() {
        records.resize(records.len() + label_bytes, (index % 10) as u8);
        for channel in 0..3 {
            records.extend(set.image(index).pixels().iter().skip(channel).step_by(3));
        }
    }
    let share = records.len() / files.len();
    for (file, part) in files.iter().zip(records.chunks(share)) {
        write(&root.join(file), part);
    }
    write(&root.join(names.0), "name\n".repeat(names.1).as_bytes());
}

fn fashion_mnist(root: &Path, compress: bool) {
    let pixels = scenes(28, COUNT);
    let grey: Vec<u8> = pixels.pixels().iter().copied().step_by(3).collect();
    let labels: Vec<u8> = (0..COUNT).map(|index| (index % 10) as u8).collect();
    for (name, dimensions, data) in
        [("images-idx3", &[COUNT as u32, 28, 28][..], grey), ("labels-idx1", &[COUNT as u32], labels)]
    {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(data);
        let path = root.join(format!("train-{name}-ubyte{}", if compress { ".gz" } else { "" }));
        if compress {
            let file = File::create(path).expect("a writable temporary folder");
            GzEncoder::new(file, Compression::default())
                .write_all(&bytes)
                .expect("a writable temporary folder");
        } else {
            write(&path, &bytes);
        }
    }
}

fn image_folder(root: &Path, format: ImageFormat) {
    let set = scenes(96, 200);
    for index in 0..set.len() {
        let extension = format.extensions_str()[0];
        let label = set.label(index).expect("scenes have classes");
        let path = root.join(format!("train/{label}/{index}.{extension}"));
        let image =
            RgbImage::from_raw(96, 96, set.image(index).pixels().to_vec()).expect("the size is right");
        fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a writable temporary folder");
        image.save_with_format(path, format).expect("a writable temporary folder");
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(20);
    let mut bench = |name: &str, bytes: u64, source: DatasetSource| {
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(source.load(Split::Train).expect("the files are right")));
        });
    };
    let mut from_disk = |name: &str, prepare: &dyn Fn(&Path), source: &dyn Fn(&Path) -> DatasetSource| {
        let folder = TempDir::new().expect("a writable temporary folder");
        prepare(folder.path());
        bench(name, size_on_disk(folder.path()), source(folder.path()));
    };

    let batches: Vec<String> = (1..=5).map(|batch| format!("data_batch_{batch}.bin")).collect();
    let batches: Vec<&str> = batches.iter().map(String::as_str).collect();
    from_disk("cifar100", &|root| cifar(root, 2, &["train.bin"], ("fine_label_names.txt", 100)), &|root| {
        DatasetSource::Cifar100 { root: root.into() }
    });
    from_disk("cifar10", &|root| cifar(root, 1, &batches, ("batches.meta.txt", 10)), &|root| {
        DatasetSource::Cifar10 { root: root.into() }
    });
    for (name, compress) in [("fashion_mnist", false), ("fashion_mnist_gz", true)] {
        from_disk(name, &|root| fashion_mnist(root, compress), &|root| DatasetSource::FashionMnist {
            root: root.into(),
        });
    }
    for (name, format) in [("image_folder_png", ImageFormat::Png), ("image_folder_jpeg", ImageFormat::Jpeg)] {
        from_disk(name, &|root| image_folder(root, format), &|root| {
            DatasetSource::ImageFolder(ImageFolder::new(root, 32))
        });
    }
    let synthetic = Synthetic { train_images: COUNT, ..Synthetic::default() };
    bench("synthetic", (COUNT * 32 * 32 * 3) as u64, DatasetSource::Synthetic(synthetic));
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
